import type { Config } from '../../config/types.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import { redacted } from '../../telemetry/redact.ts';
import type { AgentStatusDocument } from '../../telemetry/status.ts';
import { advise } from '../advice.ts';
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
    const draw = (document: AgentStatusDocument): string =>
      flag(args, 'json')
        ? JSON.stringify(document)
        : advise(renderStatus(document, Date.now(), io.colors), args.config);
    await watch(socketPath(config.agent.stateDir), { draw, clear: !flag(args, 'json') && io.terminal }, io);
    return EXIT.ok;
  }
  try {
    const document = await readLocalStatus(socketPath(config.agent.stateDir));
    io.out(
      flag(args, 'json')
        ? json({ running: true, ...document })
        : advise(renderStatus(document, Date.now(), io.colors), args.config),
    );
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof AgentNotRunning)) throw error;
    await showOffline(config, args, io);
    return EXIT.notRunning;
  }
};

async function showOffline(config: Config, args: Args, io: Io): Promise<void> {
  const offline = redacted(offlineStatus(config, await readRecords(config.agent.stateDir)));
  io.out(flag(args, 'json') ? json(offline) : advise(renderOffline(offline, Date.now(), io.colors), args.config));
}

function json(document: object): string {
  return JSON.stringify(document, null, 2);
}
