import { type Operation, type OwnedRef, ProvisionerError, type Secret } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { findUser, type LoginUser } from './login-user.ts';
import { isAuthorizedKey } from './machine.ts';
import { requireOwned } from './owned.ts';
import { stampedUser } from './stamp.ts';
import { type TarEntry, tar } from './tar.ts';

/**
 * Replaces the login user's authorized keys by exactly these, and proves it by reading them back. Nothing is run in the machine, and links
 * that a tenant laid are replaced, not followed. Whoever is logged in stays logged in.
 */
export async function setKeys(engine: Engine, ref: OwnedRef, keys: readonly string[], op: Operation): Promise<void> {
  const text = keys.map((key) => `${checked(key)}\n`).join('');
  const { id, user } = await running(engine, ref, op);
  const login = await findUser(engine, id, user, op);
  await replace(engine, id, login, 'authorized_keys', text, op.signal);
  // sshd reads this file too, where it exists.
  const more = 'authorized_keys2';
  if ((await engine.inside.read(id, `${login.home}/.ssh/${more}`, op.signal)) !== undefined)
    await replace(engine, id, login, more, '', op.signal);
}

/** Time for a command that takes a tenth of a second. */
const PASSWORD_TIMEOUT_MS = 20_000;

/** What sets a password, the usual way first; busybox is often built without it, and asks twice. Its own choice may be DES. */
const WAYS: readonly ((
  user: string,
  password: string,
) => { readonly argv: readonly string[]; readonly input: string })[] = [
  (user, password) => ({ argv: ['chpasswd'], input: `${user}:${password}\n` }),
  (user, password) => ({ argv: ['busybox', 'passwd', '-a', 'sha512', user], input: `${password}\n${password}\n` }),
];

/**
 * Sets the login user's password with the machine's own `chpasswd`, which reads it from a pipe: it is in no argument, variable or file.
 * What the command prints is thrown away, since a machine's own `chpasswd` may print anything.
 */
export async function setPassword(
  engine: Engine,
  ref: OwnedRef,
  password: Secret,
  op: Operation,
): Promise<{ readonly user: string }> {
  const text = password.reveal();
  if (!/^[\x21-\x7e]{1,128}$/.test(text)) {
    throw new ProvisionerError('permanent', 'The password is not of printable ASCII characters, at most 128 of them');
  }
  const { id, user } = await running(engine, ref, op);
  for (const way of WAYS) {
    const { argv, input } = way(user, text);
    const command = { doing: 'set a password', argv, input, timeoutMs: PASSWORD_TIMEOUT_MS };
    const { exit } = await engine.inside.run(id, command, op.signal);
    if (exit === 0) return { user };
    if (!isMissing(exit)) {
      throw new ProvisionerError('retry', `The machine's ${argv[0]} refused the new password (exit ${exit})`);
    }
  }
  throw new ProvisionerError('config', "The image has no 'chpasswd' (Debian: passwd), so no password can be set");
}

/** What a runtime answers for a command that is not there or cannot be run. */
function isMissing(exit: number): boolean {
  return exit === 126 || exit === 127;
}

function checked(key: string): string {
  if (isAuthorizedKey(key)) return key;
  throw new ProvisionerError('permanent', "A key is not of the form 'type base64'", {
    publicText: 'The SSH key cannot be used.',
  });
}

/** The machine's id and login user, its stamp just read. A machine that is off or paused is left as it is: the request waits. */
async function running(engine: Engine, ref: OwnedRef, op: Operation): Promise<{ id: string; user: string }> {
  const { Id, State, Config } = await requireOwned(engine, ref, op.signal);
  if (State.Status === 'running') return { id: Id, user: stampedUser(Config.Labels) };
  throw new ProvisionerError('retry', `The machine is ${State.Status}: its access is changed when it runs again`);
}

async function replace(
  engine: Engine,
  id: string,
  { home, owner }: LoginUser,
  file: 'authorized_keys' | 'authorized_keys2',
  content: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `${home}/.ssh/${file}`;
  const entries: TarEntry[] = [
    // Named too, so that a link in its place is replaced by a directory.
    { path: `${home.slice(1)}/.ssh/`, mode: 0o700, owner },
    { path: path.slice(1), mode: 0o600, owner, content },
  ];
  await engine.upload(id, tar(entries), signal);
  const seen = await engine.inside.read(id, path, signal);
  const proven =
    seen?.kind === 'file' &&
    seen.content?.toString('latin1') === content &&
    (seen.mode & 0o7777) === 0o600 &&
    seen.uid === owner.uid &&
    seen.gid === owner.gid;
  if (!proven) throw new ProvisionerError('retry', `The machine does not show the new ${path} after it was written`);
}
