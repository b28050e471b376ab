import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import { type KeyPair, keyPair } from './key-pair.ts';

/** A tenant's key. */
export function tenantKey(): KeyPair {
  return keyPair(ssh2);
}

export interface Login {
  readonly client: Client;
  /** The server's host key, base64. */
  readonly hostKey: string;
  run(command: string): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
  end(): void;
}

/** Logs in as a tenant's SSH client does. Rejects when it is refused or the connection breaks. */
export function login(port: number, how: Partial<ConnectConfig>): Promise<Login> {
  const client = new ssh2.Client();
  let hostKey = '';
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('the connection was closed')));
    client.on('ready', () =>
      resolve({ client, hostKey, run: (command) => run(client, command), end: () => client.end() }),
    );
    client.connect({
      host: '127.0.0.1',
      port,
      username: 'root',
      hostVerifier: (key: Buffer) => {
        hostKey = key.toString('base64');
        return true;
      },
      ...how,
    });
  });
}

function run(client: Client, command: string): ReturnType<Login['run']> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let stdout = '';
      let stderr = '';
      let code = -1;
      channel.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      channel.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      channel.on('exit', (given: number) => {
        code = given;
      });
      channel.on('close', () => resolve({ stdout, stderr, code }));
    });
  });
}
