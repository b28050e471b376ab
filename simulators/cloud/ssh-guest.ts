import { timingSafeEqual } from 'node:crypto';
import type ssh2Module from 'ssh2';
import type { AuthContext, Connection, Session } from 'ssh2';
import { type GuestFacts, MOTD, runCommand } from '../sandbox/guest-commands.ts';

/** Who may come in, and what they find. */
export interface SshGuest {
  /** Public keys that let root in. */
  readonly authorizedKeys: readonly string[];
  /** What root may log in with beside them; `never`: passwords are not even offered. */
  readonly password: { readonly is: string | undefined } | 'never';
  readonly facts: GuestFacts;
}

/** The SSH server inside one machine, for one connection. */
export function sshGuest(ssh: typeof ssh2Module, hostKey: string, guest: SshGuest): ssh2Module.Server {
  const server = new ssh.Server({ hostKeys: [hostKey] });
  server.on('connection', (client) => welcome(ssh, client, guest));
  return server;
}

function welcome(ssh: typeof ssh2Module, client: Connection, guest: SshGuest): void {
  client.on('error', () => client.end());
  client.on('authentication', (context) => {
    if (mayEnter(ssh, context, guest)) context.accept();
    else context.reject(guest.password === 'never' ? ['publickey'] : ['publickey', 'password']);
  });
  client.on('session', (accept) => serve(accept(), guest.facts));
}

/** Only root; a signature, where given, must be good; without one it is the question whether a key would do. */
function mayEnter({ utils }: typeof ssh2Module, context: AuthContext, guest: SshGuest): boolean {
  if (context.username !== 'root') return false;
  if (context.method === 'password') return guest.password !== 'never' && context.password === guest.password.is;
  if (context.method !== 'publickey') return false;
  for (const line of guest.authorizedKeys) {
    // Options such as `expiry-time` stand before the key.
    const key = utils.parseKey(/(?:ssh|ecdsa|sk)-\S+ \S+.*$/.exec(line)?.[0] ?? line);
    if (key instanceof Error) continue;
    const own = key.getPublicSSH();
    if (own.length !== context.key.data.length || !timingSafeEqual(own, context.key.data)) continue;
    if (!context.signature || !context.blob) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }
  return false;
}

/** Commands are answered from a list of harmless ones; nothing is executed on this host, and there is no shell to stay in. */
function serve(session: Session, facts: GuestFacts): void {
  session.on('pty', (accept) => accept?.());
  session.on('env', (accept) => accept?.());
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    const result = runCommand(command, facts);
    channel.stderr.write(result.stderr);
    channel.write(result.stdout);
    channel.exit(result.code);
    channel.end();
  });
  session.on('shell', (accept) => {
    const channel = accept();
    channel.write(MOTD.replaceAll('\n', '\r\n'));
    channel.exit(0);
    channel.end();
  });
}
