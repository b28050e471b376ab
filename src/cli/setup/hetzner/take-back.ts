import { type HetznerSettings, removeFirewall } from '../../../../provisioners/hetzner/setup/index.ts';
import { EXIT, type ExitCode } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { readPresent } from '../present.ts';
import { type HetznerOptions, placeOf, usage } from './options.ts';
import { openProject } from './project.ts';
import { openRecord } from './record.ts';
import type { SetupDeps } from './run.ts';
import { dropToken, findToken } from './token.ts';

/**
 * Removes what the record says that this command made, and nothing else: a firewall that servers have stays, and so do machines, key,
 * configuration and the registration at the platform. What could not be removed stays in the record, for the next time.
 */
export async function takeBackAll(options: HetznerOptions, io: Io, deps: SetupDeps): Promise<ExitCode> {
  const record = await openRecord(options, options.endpoint);
  const { present } = record;
  if (present === undefined) {
    io.out('There is nothing to take back: nothing was made by this command.');
    return EXIT.ok;
  }
  const target = (await readPresent<HetznerSettings>(options.output, placeOf(options), io))?.target;
  const { firewall, tokenFile } = present;
  // A configuration that names a missing file is not valid, and its other targets would go down with it.
  const drops = tokenFile !== undefined && target === undefined;
  if (firewall !== undefined) io.out(`remove firewall ${firewall}`);
  if (drops) io.out(`remove ${tokenFile}`);
  if (present.service) io.out('remove the systemd service');
  if (options.dryRun) {
    io.err('Nothing was changed. Machines, agent key, configuration and registration stay in any case.');
    return EXIT.ok;
  }
  await agreeToRemove(options, deps);
  // First: an agent without its project would report troubles that are none.
  if (present.service) {
    await deps.finish.undone(io);
    await record.note({ service: undefined });
  }
  if (firewall !== undefined && !(await removed(firewall))) return EXIT.failed;
  if (drops) await dropToken(tokenFile);
  await record.remove();
  io.out('All of it is removed.');
  if (target !== undefined) io.out(`${options.output} stays, with its target ${options.target} and its API token.`);
  return EXIT.ok;

  async function removed(name: string): Promise<boolean> {
    const token = await findToken(options, target, record, io);
    if (token === undefined) {
      throw usage('the firewall cannot be removed without the API token', ['--api-token-file <file>']);
    }
    const project = await openProject(record.present?.endpoint ?? '', token, io.signal);
    try {
      const outcome = await removeFirewall(project, { name, setup: record.setup });
      if (outcome === 'not-ours') io.err(`warning: firewall ${name} stays: it is not the one that this command made`);
      if (outcome !== 'in-use') return true;
      io.err(`warning: firewall ${name} stays: servers have it`);
      io.out(`It is still noted in ${record.file}; run the command again when nothing uses it any more.`);
      return false;
    } finally {
      await project.close();
    }
  }
}

async function agreeToRemove({ yes }: HetznerOptions, { ask }: SetupDeps): Promise<void> {
  if (yes) return;
  if (ask === undefined) {
    throw usage('there is no terminal to ask at, and these options are missing', ['--yes: remove without asking']);
  }
  if (await ask.confirm('Remove these? Machines stay, and nobody drives them any more.', 'no')) return;
  throw new Failure({ what: 'nothing was removed' });
}
