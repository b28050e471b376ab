import { generateKeyPairSync } from 'node:crypto';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import type { Instance } from '../../src/provisioner/index.ts';

export interface TestKey {
  /** `type base64`, as an order has it. */
  readonly publicKey: string;
  readonly privateKey: string;
}

/** ssh2 cuts leading zeros off the keys that it makes, so that now and then one cannot be read: then another is drawn. */
export function makeKey(): TestKey {
  for (;;) {
    const { public: line, private: privateKey } = ssh2.utils.generateKeyPairSync('ed25519');
    if ([line, privateKey].some((text) => ssh2.utils.parseKey(text) instanceof Error)) continue;
    return { publicKey: line.split(' ').slice(0, 2).join(' '), privateKey };
  }
}

/** For a server that must refuse: PEM, so that the key has no relation to those above. */
export function strangerKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
}

export interface Login {
  readonly output: string;
  /** Base64 of the server's host key. */
  readonly hostKey: string;
}

/**
 * Logs in as a tenant would, through the published port, and runs a command. The server may still be starting, so a connection that
 * is refused or closed before its greeting is tried again until the test's own time is over.
 */
export async function login(machine: Instance, privateKey: string, command: string): Promise<Login> {
  return untilStarted(machine, { privateKey }, command);
}

/** The same with root's password. */
export async function loginWithPassword(machine: Instance, password: string, command: string): Promise<Login> {
  return untilStarted(machine, { password }, command);
}

type Credentials = Pick<ConnectConfig, 'privateKey' | 'password'>;

async function untilStarted({ ssh }: Instance, credentials: Credentials, command: string): Promise<Login> {
  if (ssh === undefined) throw new Error('the machine has no SSH address');
  for (;;) {
    try {
      return await loginOnce(ssh, credentials, command);
    } catch (error) {
      if (!stillStarting(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Docker's own proxy accepts at once and closes when nobody listens inside. */
function stillStarting(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    code === 'ECONNREFUSED' || code === 'ECONNRESET' || /before handshake|closed the connection/.test(message ?? '')
  );
}

function loginOnce(
  { host, port, user: username }: NonNullable<Instance['ssh']>,
  credentials: Credentials,
  command: string,
): Promise<Login> {
  const client: Client = new ssh2.Client();
  return new Promise<Login>((resolve, reject) => {
    let hostKey = '';
    client.on('error', reject);
    client.on('close', () => reject(new Error('the server closed the connection')));
    client.on('ready', () => {
      client.exec(command, (error, stream) => {
        if (error) return reject(error);
        let output = '';
        const gather = (chunk: Buffer): void => {
          output += chunk.toString('utf8');
        };
        stream.on('data', gather);
        stream.stderr.on('data', gather);
        stream.on('close', () => resolve({ output, hostKey }));
      });
    });
    client.connect({
      host,
      port,
      username,
      ...credentials,
      hostVerifier: (key: Buffer) => {
        hostKey = key.toString('base64');
        return true;
      },
    });
  }).finally(() => client.destroy());
}
