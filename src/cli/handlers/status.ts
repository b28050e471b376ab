import type { Config } from '../../config/types.ts';
import { redact } from '../../telemetry/redact.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import { type Args, flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { socketPath } from '../places.ts';
import { readRecords } from '../records.ts';
import { offlineStatus } from '../status/offline.ts';
import { renderOffline, renderStatus } from '../status/render.ts';
import { watch } from '../status/watch.ts';

export const status: Handler = async (args, io) => {
  const config = await readConfig(args, io);
  if (flag(args, 'watch')) {
    await watch(socketPath(config.agent.stateDir), flag(args, 'json') ? 'json' : 'text', io);
    return EXIT.ok;
  }
  try {
    const document = await readLocalStatus(socketPath(config.agent.stateDir));
    io.out(flag(args, 'json') ? json({ running: true, ...document }) : renderStatus(document, Date.now(), io.colors));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof AgentNotRunning)) throw error;
    await showOffline(config, args, io);
    return EXIT.notRunning;
  }
};

async function showOffline(config: Config, args: Args, io: Io): Promise<void> {
  const offline = offlineStatus(config, await readRecords(config.agent.stateDir));
  io.out(flag(args, 'json') ? json(offline) : renderOffline(offline, Date.now(), io.colors));
}

function json(document: object): string {
  return JSON.stringify(redact(document, { items: 100_000 }), null, 2);
}
