import { loadGateway } from '../../config/index.ts';
import { runNetd } from '../../gateway/netd.ts';
import { changeableByOthers } from '../../gateway/netd-trust.ts';
import { createLog } from '../../telemetry/log.ts';
import { type Args, type Handler, text } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import { chooseLevel } from './run.ts';

export const netd: Handler = async (args: Args, io) => {
  const level = chooseLevel(text(args, 'logLevel') ?? 'info');
  await requireRoots(args.config);
  const settings = loadGateway(args.config);
  if (settings === undefined) {
    throw new Failure({ what: `${args.config} has no [gateway]: there is nothing to help with`, exit: EXIT.config });
  }
  await runNetd({ settings, log: createLog({ level }), signal: io.signal, env: io.env });
  return EXIT.ok;
};

/** The limits are worth nothing when the one whom they limit can change them, or put another file in their place. */
async function requireRoots(file: string): Promise<void> {
  const path = await changeableByOthers(file).catch((cause: unknown) => {
    throw new Failure({ what: `${file} cannot be looked at`, exit: EXIT.config, cause });
  });
  if (path === undefined) return;
  throw new Failure({
    what: `${path} can be changed by others than root, and the network helper goes by ${path === file ? 'it' : file}`,
    next: 'Give it back to root:',
    command: `chown -h root ${path} && chmod go-w ${path}`,
    exit: EXIT.config,
  });
}
