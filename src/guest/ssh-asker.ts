import type { Socket } from 'node:net';
import type ssh2Module from 'ssh2';
import type { Client, ParsedKey } from 'ssh2';
import { sshFingerprint, sshKeyBlob } from './ssh-key.ts';

export interface AskerEvents {
  /** False for a host that is not to be asked. */
  onHostKey(fingerprint: string): boolean;
  /** The server would accept a signature of the key. It gets none. */
  onAccepted(): void;
  /** `again` offers the key once more on the same connection. */
  onRefused(again: () => void): void;
  /** It is over. `why` has no word of the server's. */
  onProblem(why: string): void;
}

/** Greets an SSH server on a connected socket and offers the key of `target`, unsigned, as RFC 4252 §7 allows. Whoever gave the socket ends it. */
export type Asker = (
  socket: Socket,
  target: { readonly user: string; readonly sshKey: string },
  events: AskerEvents,
) => void;

let loaded: Asker | undefined;

/** Loaded when first needed: most commands of the CLI never speak SSH. */
export async function loadAsker(): Promise<Asker> {
  loaded ??= askerBy((await import('ssh2')).default);
  return loaded;
}

export const NONSENSE = 'The server does not speak SSH as it should.';

function askerBy({ Client, BaseAgent, utils }: typeof ssh2Module): Asker {
  const template = utils.parseKey(TEMPLATE);
  if (template instanceof Error) throw template;
  /**
   * An agent that owns one key which it cannot use. ssh2 offers an agent's keys unsigned first and asks for a signature only after
   * the server's SSH_MSG_USERAUTH_PK_OK (client.js, tryNextAgentKey), so being asked to sign is the server's yes.
   */
  class AskingAgent extends BaseAgent<ParsedKey> {
    readonly #key: ParsedKey;
    readonly #onAccepted: () => void;

    constructor(key: ParsedKey, onAccepted: () => void) {
      super();
      this.#key = key;
      this.#onAccepted = onAccepted;
    }

    override getIdentities(done: (error?: Error, keys?: ParsedKey[]) => void): void {
      done(undefined, [this.#key]);
    }

    override sign(): void {
      // Never answered: the verdict is known and the connection ends here.
      this.#onAccepted();
    }
  }

  return (socket, { user, sshKey }, { onHostKey, onAccepted, onRefused, onProblem }) => {
    const agent = new AskingAgent(offerable(template, sshKey), onAccepted);
    const client: Client = new Client();
    let offered = false;
    client.on('error', (error) => onProblem(whyNot(error)));
    client.on('close', () => onProblem('The server closed the connection.'));
    // We never sign, so whoever lets us in lets everybody in: that is no machine to hand over.
    client.on('ready', () => onProblem('The server let us in without any proof.'));
    client.connect({
      sock: socket,
      username: user,
      readyTimeout: 0,
      // Without a verifier ssh2 accepts every host.
      hostVerifier: (key: Buffer) => onHostKey(sshFingerprint(key)),
      authHandler: (_left, _partial, next) => {
        const offer = (): void => next({ type: 'agent', username: user, agent });
        if (offered) return onRefused(offer);
        offered = true;
        offer();
      },
    });
  };
}

/** Any valid key will do: it only lends its shape. */
const TEMPLATE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g';

/** ssh2 cannot parse security-key types, but offering a key takes only its type name and its bytes. */
function offerable(template: ParsedKey, sshKey: string): ParsedKey {
  const type = sshKey.slice(0, sshKey.indexOf(' '));
  const blob = sshKeyBlob(sshKey);
  return Object.create(template, { type: { value: type }, getPublicSSH: { value: () => blob } }) as ParsedKey;
}

const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was reset.',
  EHOSTUNREACH: 'The host is unreachable.',
  ENETUNREACH: 'The network is unreachable.',
  ENOTFOUND: 'The host name is unknown.',
  EAI_AGAIN: 'The host name could not be looked up.',
  ETIMEDOUT: 'The connection timed out.',
  EPIPE: 'The connection was lost.',
};

/** The error's text may hold bytes of the stranger's choosing, so only known words get through. */
export function whyNot(error: unknown): string {
  const { code, level, message } = error as { code?: unknown; level?: unknown; message?: unknown };
  if (typeof code === 'string' && PLAIN[code] !== undefined) return PLAIN[code];
  if (message === 'Connection lost before handshake') return 'The server closed the connection before it greeted.';
  if (level === 'handshake') return 'No secure connection could be agreed on.';
  return NONSENSE;
}
