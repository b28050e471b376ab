import { readFile } from 'node:fs/promises';
import {
  parseFingerprint,
  readCertificate,
  type SeenCertificate,
  type Trust,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { Asker } from '../ask.ts';
import type { SetupHost } from '../host.ts';
import { ownFingerprint } from './host.ts';

/** What the agent will believe, as settings of its target, and the same for the setup's own connection. */
export interface SettledTrust {
  readonly trust: Trust;
  readonly settings: { readonly fingerprint?: string; readonly ca_file?: string };
}

export interface TrustWishes {
  readonly fingerprint?: string;
  readonly caFile?: string;
}

/**
 * Decides about the host's certificate before anything is sent. It is believed when a public authority vouches for it, when it is what
 * the options or an earlier setup say, when it is this very host's own, or when the person at the terminal says so; then it is pinned.
 */
export async function settleTrust(
  url: string,
  wishes: TrustWishes,
  earlier: { readonly fingerprint?: string | undefined },
  io: Io,
  host: SetupHost,
  ask: Asker | undefined,
): Promise<SettledTrust> {
  if (!url.startsWith('https:')) {
    throw new Failure({
      what: `${url} is not https: the agent’s token would be readable on the way`,
      next: 'Proxmox VE speaks https on port 8006; correct --api-url.',
    });
  }
  if (wishes.caFile !== undefined) return byAuthority(wishes.caFile);
  const seen = await look(url, io.signal);
  const { fingerprint } = wishes;
  if (fingerprint !== undefined) {
    if (fingerprint === seen.fingerprint) return pinned(seen);
    throw refused(url, seen, `--fingerprint says ${fingerprint}`);
  }
  if (earlier.fingerprint !== undefined) {
    if (parseFingerprint(earlier.fingerprint) === seen.fingerprint) return pinned(seen);
    throw new Failure({
      what: `the certificate of ${url} has changed: ${earlier.fingerprint} was pinned, it shows ${seen.fingerprint}`,
      next: 'Compare it with what `pvenode cert info` says on that host. If it is the same:',
      command: 'dc-agent setup proxmox --repin',
    });
  }
  if (seen.doubt === undefined) return { trust: { how: 'checked' }, settings: {} };
  if (isLoopback(url) && (await ownFingerprint(host)) === seen.fingerprint) return pinned(seen);
  if (ask === undefined) throw refused(url, seen, 'nobody vouches for it');
  for (const line of describe(url, seen)) io.err(line);
  if (await ask.confirm('Is this what `pvenode cert info` says on that host?', 'no')) return pinned(seen);
  throw refused(url, seen, 'it was not accepted');
}

export async function look(url: string, signal: AbortSignal): Promise<SeenCertificate> {
  try {
    return await readCertificate(url, AbortSignal.any([signal, AbortSignal.timeout(15_000)]));
  } catch (cause) {
    throw new Failure({
      what: `${url} does not answer`,
      next: 'Correct --api-url (Proxmox VE listens on port 8006), or let this host reach it. Nothing was changed.',
      cause,
    });
  }
}

export function describe(url: string, seen: SeenCertificate): string[] {
  return [
    `The certificate of ${url}:`,
    `  subject      ${seen.subject}`,
    `  issuer       ${seen.issuer}`,
    `  names        ${seen.names}`,
    `  valid until  ${seen.validTo.toISOString().slice(0, 10)}`,
    `  SHA-256      ${seen.fingerprint}`,
  ];
}

async function byAuthority(file: string): Promise<SettledTrust> {
  const ca = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Failure({ what: `--ca-file ${file} cannot be read`, cause });
  });
  return { trust: { how: 'checked', ca }, settings: { ca_file: file } };
}

function pinned({ fingerprint }: SeenCertificate): SettledTrust {
  return { trust: { how: 'checked', fingerprint }, settings: { fingerprint } };
}

function refused(url: string, seen: SeenCertificate, why: string): Failure {
  return new Failure({
    what: `the certificate of ${url} is not believed: ${why}`,
    details: describe(url, seen),
    next: 'Compare the fingerprint with what `pvenode cert info` says on that host. If it is the same:',
    command: `dc-agent setup proxmox --fingerprint ${seen.fingerprint}, with the options of this call`,
  });
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname);
}
