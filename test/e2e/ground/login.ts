import ssh2 from 'ssh2';

export interface Door {
  readonly host: string;
  readonly port: number;
}

/** Logs in as the tenant would, runs one command and resolves with what it printed. Rejects when the key is not accepted. */
export function login({ host, port }: Door, privateKey: string, command: string): Promise<string> {
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
    client.connect({ host, port, username: 'root', privateKey, readyTimeout: 20_000 });
  });
}

/** A fresh key as `ssh-keygen` makes them. */
export function makeKey(comment = 'tenant'): { readonly publicKey: string; readonly privateKey: string } {
  const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
  return { publicKey: pair.public, privateKey: pair.private };
}
