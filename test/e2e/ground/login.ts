import ssh2, { type ConnectConfig } from 'ssh2';
import { keyPair } from '../../../simulators/sandbox/key-pair.ts';

export interface Door {
  readonly host: string;
  readonly port: number;
}

/** Logs in as the tenant would, runs one command and resolves with what it printed. Rejects when the key is not accepted. */
export function login(door: Door, privateKey: string, command: string): Promise<string> {
  return run(door, { privateKey }, command);
}

/** The same with root's password. */
export function loginWithPassword(door: Door, password: string, command: string): Promise<string> {
  return run(door, { password }, command);
}

function run({ host, port }: Door, credentials: Partial<ConnectConfig>, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('ready', () => {
      client.exec(command, (error, channel) => {
        if (error) {
          reject(error);
          return;
        }
        let out = '';
        channel.setEncoding('utf8').on('data', (text: string) => {
          out += text;
        });
        channel.on('close', () => {
          client.end();
          resolve(out);
        });
      });
    });
    client.connect({ host, port, username: 'root', ...credentials, readyTimeout: 20_000 });
  });
}

/** A fresh key, and its public half as `ssh-keygen` would print it. */
export function makeKey(comment = 'tenant'): { readonly publicKey: string; readonly privateKey: string } {
  const pair = keyPair(ssh2);
  return { publicKey: `${pair.public} ${comment}`, privateKey: pair.private };
}
