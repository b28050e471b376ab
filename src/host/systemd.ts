import { execFile } from 'node:child_process';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

export interface ServiceManager {
  /** Start-up is over. */
  ready(status: string): void;
  /** Shutdown has begun; stops the watchdog's pings too. */
  stopping(): void;
}

/**
 * Tells systemd how we are, through `systemd-notify` (Node cannot send to a unix datagram socket itself). Without NOTIFY_SOCKET, or
 * where the program is missing, nothing happens. While `alive()` is true the watchdog is fed, at half of what it allows.
 */
export function serviceManager(options: {
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Log;
  alive: () => boolean;
}): ServiceManager {
  const { env, clock, log, alive } = options;
  if (env['NOTIFY_SOCKET'] === undefined) return { ready() {}, stopping() {} };
  let cancel: Cancel = () => {};
  const notify = (...state: string[]): void => {
    // --no-block: without it the program may wait 5 s for systemd to have read the message.
    execFile('systemd-notify', ['--no-block', ...state], { timeout: 5_000 }, (error) => {
      if (error !== null) log.warn({ error }, 'systemd could not be notified');
    });
  };
  const period = Number(env['WATCHDOG_USEC'] ?? 0) / 1000 / 2;
  const feed = (): void => {
    if (alive()) notify('WATCHDOG=1');
    cancel = clock.after(period, feed);
  };
  return {
    ready(status) {
      notify('--ready', `--status=${status}`);
      if (period > 0) feed();
    },
    stopping() {
      cancel();
      notify('STOPPING=1');
    },
  };
}
