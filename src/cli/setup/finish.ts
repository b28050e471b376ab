import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExitCode } from '../exit.ts';
import { doctor } from '../handlers/doctor.ts';
import { installService, removeService } from '../handlers/setup-service.ts';
import type { Io } from '../io.ts';
import type { SetupHost } from './host.ts';
import type { SetupOptions } from './options.ts';

/** Where it is noted that the service was made, before it is. */
export interface ServiceNote {
  note(change: { readonly service: true }): Promise<void>;
}

/** What comes after the configuration is written, and its undoing. */
export interface Finish {
  /** Resolves with the exit code of the whole setup. */
  done(options: SetupOptions, record: ServiceNote, io: Io): Promise<ExitCode>;
  undone(io: Io): Promise<void>;
}

/** The systemd service, where there is a systemd and root asks; then doctor, with a test machine when it was asked for. */
export function finishOn(host: SetupHost): Finish {
  return {
    async done({ output: config, service, testProvision }, record, io) {
      if (service && (await canHaveService(host))) {
        await record.note({ service: true });
        await installService({ config }, io);
      } else io.out(`No service was made. To run the agent: dc-agent --config ${config} run`);
      io.out('');
      return doctor({ config, operands: [], options: { testProvision } }, io);
    },
    undone: (io) => removeService({}, io),
  };
}

async function canHaveService({ root, user }: SetupHost): Promise<boolean> {
  if (user !== 0) return false;
  return stat(join(root, 'run/systemd/system')).then(
    () => true,
    () => false,
  );
}
