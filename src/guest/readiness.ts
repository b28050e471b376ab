import { systemClock } from '../ports/clock.ts';
import { openConversation, type SshConversation, type SshProbe, type SshTarget } from './ssh-conversation.ts';
import type { SshLine } from './ssh-line.ts';

/**
 * Asks an SSH server whether it would let the tenant in, without having the tenant's private key.
 *
 * RFC 4252 §7 lets a client ask first whether a public key is acceptable and sign afterwards. The probe asks, and leaves as soon as it
 * would have to sign. It proves that sshd answers, who it is, and that the key is installed for the user; it cannot prove
 * that the shell starts, nor see `PermitRootLogin no`, which OpenSSH checks only after the signature.
 *
 * With a line, a connection on which the key was refused stays open in it, and is asked again by the next probe. Whatever that finds but another
 * refusal is proven on a new connection before it is told. Without one, every verdict closes the socket. Rejects only with the
 * signal's reason; a timeout or an abort closes the socket in every case.
 */
export async function probeSsh(
  target: SshTarget & { readonly signal: AbortSignal; readonly line?: SshLine | undefined },
): Promise<SshProbe> {
  const { signal, line, timeoutMs } = target;
  signal.throwIfAborted();
  const begun = systemClock.monotonic();
  const kept = line?.take(target);
  if (kept !== undefined) {
    const verdict = await askOn(kept, Math.min(KEPT_ANSWER_MS, timeoutMs), target);
    if (verdict.state === 'key-refused') return verdict;
  }
  const conversation = await openConversation(target, signal);
  return askOn(conversation, timeoutMs - (systemClock.monotonic() - begun), target);
}

/** A connection that is open answers at once, unless the machine behind it has been started anew. */
const KEPT_ANSWER_MS = 1_500;

async function askOn(
  conversation: SshConversation,
  timeoutMs: number,
  { line, signal, ...target }: SshTarget & { readonly signal: AbortSignal; readonly line?: SshLine | undefined },
): Promise<SshProbe> {
  let isKept = false;
  try {
    const verdict = await conversation.ask(timeoutMs, signal);
    if (line !== undefined && verdict.state === 'key-refused') {
      line.keep(target, conversation);
      isKept = true;
    }
    return verdict;
  } finally {
    if (!isKept) conversation.close();
  }
}
