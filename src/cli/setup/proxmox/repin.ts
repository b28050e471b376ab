import { connect, type ProxmoxSettings, parseFingerprint } from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { EXIT, type ExitCode } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { withTarget } from '../config-text.ts';
import { readPresent } from '../present.ts';
import { prepareFile } from '../store.ts';
import { ownFingerprint } from './host.ts';
import { type ProxmoxOptions, placeOf } from './options.ts';
import type { SetupDeps } from './run.ts';
import { describe, look } from './trust.ts';

/**
 * Pins the certificate that the host shows now, once somebody has said that it is the right one. Nothing is sent before; the agent's
 * token must then work, or the file stays as it is. A certificate that a public authority vouches for needs no pin: it is taken out.
 */
export async function repin(options: ProxmoxOptions, io: Io, { host, ask }: SetupDeps): Promise<ExitCode> {
  const present = await readPresent<ProxmoxSettings>(options.output, placeOf(options), io);
  const target = present?.target;
  if (present === undefined || target === undefined) {
    throw new Failure({
      what: `${options.output} has no target ${options.target} that drives Proxmox VE`,
      next: 'Name the file with --config and the target with --target.',
    });
  }
  const url = target.api_url;
  const seen = await look(url, io.signal);
  if (target.fingerprint !== undefined && parseFingerprint(target.fingerprint) === seen.fingerprint) {
    io.out('The certificate is the one that is pinned: nothing to do.');
    return EXIT.ok;
  }
  for (const line of describe(url, seen)) io.err(line);
  const stated = options.fingerprint;
  const isOwn =
    /^https:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]?/.test(url) && (await ownFingerprint(host)) === seen.fingerprint;
  const believed =
    stated === undefined
      ? isOwn || (await ask?.confirm('Is this what `pvenode cert info` says on that host?', 'no')) === true
      : stated === seen.fingerprint;
  if (!believed) {
    throw new Failure({
      what: stated === undefined ? 'the certificate was not accepted' : `it is not the one of --fingerprint ${stated}`,
      next: 'Compare it with what `pvenode cert info` says on that host. If it is the same:',
      command: `dc-agent setup proxmox --repin --fingerprint ${seen.fingerprint}`,
    });
  }
  const { fingerprint } = seen;
  const who = { how: 'token', id: target.api_token_id, secret: target.api_token_secret } as const;
  await (await connect(url, { how: 'checked', fingerprint }, who, systemClock, io.signal)).close();
  const text = withTarget(present.text, options.output, placeOf(options), { fingerprint }) ?? present.text;
  if (options.dryRun) {
    io.err('Nothing was changed.');
    return EXIT.ok;
  }
  const file = await prepareFile(options.output, text, 'replace');
  try {
    const { backup } = await file.commit(text);
    io.out(`Pinned ${fingerprint} in ${options.output}.`);
    if (backup !== undefined) io.out(`The file that was there is now ${backup}.`);
    io.out('Next: systemctl restart dc-agent');
    return EXIT.ok;
  } finally {
    await file.abandon();
  }
}
