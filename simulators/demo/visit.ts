import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { login, tenantKey } from '../sandbox/ssh-login.ts';
import { DemoFailure, reasonOf } from './failure.ts';

export interface TenantKey {
  readonly file: string;
  /** One line, as OpenSSH writes it. */
  readonly public: string;
  readonly private: string;
}

/** A fresh key pair, also as files, as ssh-keygen leaves them; `file` is new, and only its owner reads it. */
export async function makeTenantKey(file: string): Promise<TenantKey> {
  const pair = tenantKey();
  await writeFile(file, pair.private, { mode: 0o600, flag: 'wx' });
  await writeFile(`${file}.pub`, `${pair.public}\n`);
  return { file, public: pair.public, private: pair.private };
}

export interface Door {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

const READY_MS = 20_000;

/** Logs in as the tenant, runs one command, and resolves with what it printed. */
export async function visit({ host, port, user }: Door, key: TenantKey, command: string): Promise<string> {
  const at = `${user}@${host}:${port}`;
  const session = await login(port, { host, username: user, privateKey: key.private, readyTimeout: READY_MS }).catch(
    (cause: unknown) => {
      throw new DemoFailure(`the machine was handed over, but a login as ${at} with the tenant’s key fails`, { cause });
    },
  );
  // After a broken connection the channel says so.
  session.client.on('error', () => {});
  try {
    const { stdout, stderr, code } = await session.run(command);
    if (code === 0) return stdout;
    throw new DemoFailure(`the command ended with ${code} on ${at}`, { details: [stdout, stderr].filter(Boolean) });
  } finally {
    session.end();
  }
}

/** Resolves with how the door is closed; rejects when somebody still answers behind it. */
export function findClosed({ host, port }: Door): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(READY_MS, () => socket.destroy(new Error('no answer')));
    // A door without a room behind it: Docker's proxy may close a moment after the container.
    socket.once('close', () => resolve('closed at once'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'refuses connections' : reasonOf(error));
    });
    socket.once('data', (banner: Buffer) => {
      reject(new DemoFailure(`${host}:${port} still answers: ${banner.toString('latin1').trim()}`));
      socket.destroy();
    });
  });
}

/** What a tenant types. */
export function sshCommand({ host, port, user }: Door, key: TenantKey, options = ''): string {
  return `ssh -i ${key.file} -p ${port} ${options}${user}@${host}`;
}

/** Ports of this host are given to one machine after the other, so their keys are remembered beside the tenant's and nowhere else. */
export function trustOnce(key: TenantKey): string {
  return `-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${key.file}.known_hosts `;
}
