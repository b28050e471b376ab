import { connect, nameOf, type ProxmoxSettings, undo } from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { EXIT, type ExitCode } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { readPresent } from '../present.ts';
import { isProxmoxHost, snippetFolder } from './host.ts';
import { chooseLogin, isLoginGiven, LOGIN_OPTIONS } from './login.ts';
import { type ProxmoxOptions, placeOf, usage } from './options.ts';
import { openRecord, recordFile } from './record.ts';
import type { SetupDeps } from './run.ts';
import { dropSecret } from './secret.ts';
import { showKept } from './show.ts';
import { settleTrust } from './trust.ts';

/**
 * Removes what the record says that this command made, and nothing else: what others use by now stays, and so do machines, key,
 * configuration and the registration at the platform. What could not be removed stays in the record, for the next time.
 */
export async function takeBackAll(options: ProxmoxOptions, io: Io, deps: SetupDeps): Promise<ExitCode> {
  const { host, ask } = deps;
  const record = await openRecord(recordFile(options.output, options.target), undefined);
  const { present } = record;
  if (present === undefined) {
    io.out('There is nothing to take back: nothing was made by this command.');
    return EXIT.ok;
  }
  for (const thing of present.made.toReversed()) io.out(`remove ${nameOf(thing)}`);
  if (present.service) io.out('remove the systemd service');
  if (options.dryRun) {
    io.err('Nothing was changed. Machines, agent key, configuration and registration stay in any case.');
    return EXIT.ok;
  }
  const place = options.apiUrl === undefined && (await isProxmoxHost(host)) ? 'the host' : 'elsewhere';
  if (ask === undefined) askNobody(options, place, io);
  else if (
    !options.yes &&
    !(await ask.confirm('Remove these? Machines stay, and nobody drives them any more.', 'no'))
  ) {
    throw new Failure({ what: 'nothing was removed' });
  }
  // First: an agent without a token would report troubles that are none.
  if (present.service) await deps.finish.undone(io);
  const url = options.apiUrl ?? present.apiUrl;
  const target = (await readPresent<ProxmoxSettings>(options.output, placeOf(options), io))?.target;
  const { trust } = await settleTrust(url, options, target ?? {}, io, host, ask);
  const login = await chooseLogin(options, place, io, host, ask);
  try {
    const connection = await connect(url, trust, login.who, systemClock, io.signal);
    try {
      const say = (text: string): void => io.err(text);
      const snippets = place === 'the host' ? { snippets: snippetFolder(host) } : {};
      const work = {
        pve: connection.pve,
        clock: systemClock,
        signal: io.signal,
        say,
        age: 'older' as const,
        ...snippets,
      };
      const kept = await undo(record.journal.made, work, record.journal);
      const hasToken = kept.some(({ thing }) => thing.kind === 'token');
      // A configuration that names a missing file is not valid, and its other targets would go down with it.
      const isNamed = target !== undefined;
      if (present.secretFile !== undefined && !hasToken && !isNamed) await dropSecret(present.secretFile);
      if (kept.length > 0) {
        showKept(kept, io);
        io.out(`The rest is still noted in ${record.file}; run the command again when nothing uses it any more.`);
        return EXIT.failed;
      }
      await record.remove();
      io.out('All of it is removed.');
      if (isNamed)
        io.out(
          `${options.output} stays, with the secret of a token that is gone: its target ${options.target} does not work any more.`,
        );
      return EXIT.ok;
    } finally {
      await connection.close();
    }
  } finally {
    await login.end();
  }
}

function askNobody(options: ProxmoxOptions, place: 'the host' | 'elsewhere', io: Io): void {
  const missing = [
    ...(options.yes ? [] : ['--yes: remove without asking']),
    ...(place === 'elsewhere' && !isLoginGiven(options, io) ? [`${LOGIN_OPTIONS}: an administrator`] : []),
  ];
  if (missing.length > 0) throw usage('there is no terminal to ask at, and these options are missing', missing);
}
