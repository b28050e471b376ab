import { rm } from 'node:fs/promises';
import type { GatewayConfig } from '../config/types.ts';
import type { Log } from '../ports/log.ts';
import { type ListenAt, startNetdServer } from './netd-server.ts';
import { createNetdWork } from './netd-work.ts';
import { createNft } from './nft-run.ts';

export interface NetdOptions {
  readonly settings: GatewayConfig;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** For LISTEN_FDS and LISTEN_PID. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs the helper until the signal. What it made stays when it ends: machines keep their ports and tenants stay apart. It forgets
 * nothing that matters, since the agent says anew what should be and the kernel is asked what is.
 */
export async function runNetd({ settings, log, signal, env }: NetdOptions): Promise<void> {
  const work = createNetdWork({ settings, nft: createNft(), log });
  // Before anybody can ask: after a boot machines may be up already, and nothing keeps them apart yet.
  await work.start(signal).catch((error: unknown) => {
    log.error({ error }, 'netd: tenants are not kept apart yet; tried again with the first request');
  });
  const at = inherited(env) ?? (await freePath(settings.helperSocket));
  // From its first moment on: a mode that is set later could be set to something else that was put in its place.
  process.umask(0o777 & ~SOCKET_MODE);
  const server = await startNetdServer(work, at, { log });
  log.info({ table: settings.nftTable, listening: at }, 'netd: ready');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
}

/** The owner's and the group's; systemd's socket unit says the same. */
const SOCKET_MODE = 0o660;

/** The first socket that systemd hands over is number 3 (sd_listen_fds). */
function inherited(env: NodeJS.ProcessEnv): ListenAt | undefined {
  if (env['LISTEN_PID'] !== String(process.pid) || Number(env['LISTEN_FDS'] ?? 0) < 1) return undefined;
  return { fd: 3 };
}

async function freePath(path: string): Promise<ListenAt> {
  await rm(path, { force: true });
  return { path };
}
