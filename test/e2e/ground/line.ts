import { request } from 'node:https';

export interface Line {
  say(text: string): Promise<string>;
  end(): void;
}

/** An upgraded connection that stays open; what is said comes back, or the word that it was cut. */
export function openLine(name: string, port: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const headers = { host: name, connection: 'Upgrade', upgrade: 'websocket' };
    const asked = request({ host: '127.0.0.1', port, servername: name, headers, rejectUnauthorized: false });
    asked.on('error', reject);
    asked.on('upgrade', (_response, socket) => {
      let cut = false;
      socket.on('close', () => {
        cut = true;
      });
      resolve({
        say: (text) =>
          new Promise((heard) => {
            if (cut) return heard('it was cut');
            socket.once('data', (chunk) => heard(String(chunk)));
            socket.once('close', () => heard('it was cut'));
            socket.write(text);
          }),
        end: () => socket.destroy(),
      });
    });
    asked.end();
  });
}
