import type { Clock } from '../ports/clock.ts';
import { probeSsh } from './readiness.ts';
import { openSession, type RootAccess, SessionError } from './recipe-session.ts';

export interface Withdrawal {
  /** Of the key that is to go, `type base64`; the one that `RootAccess` has the private half of. */
  readonly publicKey: string;
  /** As whom it must be refused afterwards, beside root. */
  readonly user: string;
}

export type WithdrawOutcome =
  /** As whom it was offered and refused. */
  | { readonly state: 'withdrawn'; readonly refusedFor: readonly string[] }
  /** It is in the machine, or nobody can tell. */
  | { readonly state: 'not-yet'; readonly why: string }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string };

const COMMAND_MS = 30_000;
const PROBE_MS = 5_000;

/**
 * Takes a key of ours out of a machine, for every user there, and proves that it opens nothing any more: it is offered to the same
 * machine once more and must be refused. A key that is gone already is proven gone in the same way. Bounded in time and memory;
 * rejects only with the signal's reason.
 */
export async function withdrawKey(
  access: RootAccess,
  { publicKey, user }: Withdrawal,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<WithdrawOutcome> {
  try {
    await removeLines(access, publicKey, clock, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SessionError)) throw error;
    const { problem } = error;
    if (problem.state === 'wrong-host-key') return problem;
    if (problem.state !== 'key-refused') return { state: 'not-yet', why: problem.why };
  }
  const users = [...new Set(['root', user])];
  for (const one of users) {
    const probe = await probeSsh({
      host: access.host,
      port: access.port,
      user: one,
      sshKey: publicKey,
      expectHostKey: access.hostKey,
      timeoutMs: PROBE_MS,
      signal,
    });
    if (probe.state === 'wrong-host-key') return probe;
    if (probe.state === 'ready') return { state: 'not-yet', why: `The key still opens the machine for ${one}.` };
    if (probe.state === 'not-yet') return probe;
  }
  return { state: 'withdrawn', refusedFor: users };
}

async function removeLines(access: RootAccess, publicKey: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const session = await openSession(access, { clock, signal, timeoutMs: COMMAND_MS });
  try {
    const { exit } = await session.run('exec /bin/sh -s', {
      input: Buffer.from(removal(publicKey)),
      maxBytes: 64 * 1024,
      timeoutMs: COMMAND_MS,
    });
    if (exit !== 0) throw new SessionError({ state: 'unsound', why: `The key could not be taken out (exit ${exit}).` });
  } finally {
    session.close();
  }
}

/**
 * Every line with the key goes, whatever options stand before it, out of the files that OpenSSH reads by itself, for every user whom
 * the machine knows. A file is written anew beside the old one and takes its place whole, with its owner and mode.
 */
function removal(publicKey: string): string {
  const [, blob = ''] = publicKey.split(' ');
  if (!/^[A-Za-z0-9+/]{40,}={0,2}$/.test(blob)) throw new RangeError('not a public key');
  return `set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
failed=0
{ getent passwd || cat /etc/passwd; } 2>/dev/null | cut -d: -f6 | sort -u | {
  while IFS= read -r home; do
    for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2"; do
      [ -f "$file" ] || continue
      grep -qF '${blob}' "$file" || continue
      cp -p "$file" "$file.dc-new" || { failed=1; continue; }
      grep -vF '${blob}' "$file" >"$file.dc-new"
      [ $? -le 1 ] && mv "$file.dc-new" "$file" || failed=1
    done
  done
  exit "$failed"
}
`;
}
