import type { Clock } from '../ports/clock.ts';
import type { SshConversation, SshTarget } from './ssh-conversation.ts';

/** OpenSSH hangs up at the sixth refusal (MaxAuthTries); we leave before, or the tenant's log would tell of an attack. */
const MOST_QUESTIONS = 5;
/**
 * OpenSSH looks the user up once for each connection: whoever is created after its beginning is refused to its end. So a connection
 * serves five looks at the longest pause and no later one.
 */
const OLDEST_MS = 4_300;

/**
 * The open line of one wait for one machine. A server that refused a key may be asked again on the same connection (RFC 4252 §5),
 * which costs a tenth of a new one. Only what was refused is kept: a yes is believed on a new connection alone.
 */
export class SshLine {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #since = 0;
  #kept: { readonly door: string; readonly conversation: SshConversation } | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** The connection to exactly this door, when one is open that may be asked again. It is the caller's from here on. */
  take(target: SshTarget): SshConversation | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined) return undefined;
    if (kept.door === doorOf(target) && this.#isOfUse(kept.conversation)) return kept.conversation;
    kept.conversation.close();
    return undefined;
  }

  /** Keeps a connection for the next look, or closes it where it would be of no use then. */
  keep(target: SshTarget, conversation: SshConversation): void {
    this.close();
    if (conversation.asked === 1) this.#since = this.#clock.monotonic();
    if (this.#isOfUse(conversation)) this.#kept = { door: doorOf(target), conversation };
    else conversation.close();
  }

  close(): void {
    this.#kept?.conversation.close();
    this.#kept = undefined;
  }

  #isOfUse({ isOpen, asked }: SshConversation): boolean {
    return isOpen && asked < MOST_QUESTIONS && this.#clock.monotonic() - this.#since < OLDEST_MS;
  }
}

function doorOf({ host, port, user, sshKey, expectHostKey }: SshTarget): string {
  return JSON.stringify([host, port, user, sshKey, expectHostKey]);
}
