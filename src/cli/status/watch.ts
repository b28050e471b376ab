import { setTimeout as pause } from 'node:timers/promises';
import { followEvents } from '../../telemetry/follow.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import type { AgentStatusDocument } from '../../telemetry/status.ts';
import type { Io } from '../io.ts';

/** A burst of events is one picture. */
const SETTLE_MS = 200;
/** Times and ages move on even when nothing happens. */
const REFRESH_MS = 5000;
const RETRY_MS = 1000;

const CLEAR = `${String.fromCharCode(27)}[H${String.fromCharCode(27)}[2J`;

export interface Picture {
  draw(document: AgentStatusDocument): string;
  /** Each picture replaces the one before. */
  readonly clear: boolean;
}

/** Shows the status again whenever something changes, until `io.signal` is aborted; waits for an agent that is not there. */
export async function watch(socketPath: string, picture: Picture, io: Io): Promise<void> {
  let absent = false;
  while (!io.signal.aborted) {
    try {
      await follow(socketPath, picture, io);
      absent = false;
    } catch (error) {
      if (io.signal.aborted) return;
      if (!(error instanceof AgentNotRunning)) throw error;
      if (!absent) io.err('The agent is not running; waiting for it.');
      absent = true;
    }
    await pause(RETRY_MS, undefined, { signal: io.signal }).catch(() => undefined);
  }
}

async function follow(socketPath: string, picture: Picture, io: Io): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([io.signal, stop.signal]);
  let wake: () => void = () => {};
  let gone: Error | undefined;
  const following = (async () => {
    for await (const _ of followEvents(socketPath, signal)) wake();
    throw new AgentNotRunning(socketPath, undefined);
  })().catch((error: unknown) => {
    gone = error instanceof Error ? error : new Error(String(error));
    wake();
  });
  try {
    while (!io.signal.aborted && gone === undefined) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const document = await readLocalStatus(socketPath);
      io.out(`${picture.clear ? CLEAR : ''}${picture.draw(document)}`);
      const timer = new AbortController();
      await Promise.race([
        changed,
        pause(REFRESH_MS, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined),
      ]);
      timer.abort();
      await pause(SETTLE_MS, undefined, { signal: io.signal }).catch(() => undefined);
    }
    if (gone !== undefined) throw gone;
  } finally {
    stop.abort();
    await following;
  }
}
