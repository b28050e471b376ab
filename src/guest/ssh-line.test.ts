import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, test } from 'vitest';
import { keyPair } from '../../simulators/sandbox/key-pair.ts';
import { systemClock } from '../ports/clock.ts';
import { systemRandom } from '../ports/random.ts';
import { systemGuest, waitUntilReady } from './index.ts';
import type { SshTarget } from './ssh-conversation.ts';
import { sshFingerprint, sshKeyBlob } from './ssh-key.ts';
import { SshLine } from './ssh-line.ts';

const [hostPair, otherPair] = [keyPair(ssh2), keyPair(ssh2)];
const fingerprint = (pair: { public: string }): string => sshFingerprint(sshKeyBlob(pair.public.trim()));
const tenantKey = keyPair(ssh2).public.trim();
const { signal } = new AbortController();
const refused = { state: 'key-refused', hostKey: fingerprint(hostPair) };

const endings: (() => unknown)[] = [];
afterEach(() => {
  for (const end of endings.splice(0).reverse()) end();
});

interface Question {
  /** Which connection it came on, from 1. */
  readonly connection: number;
  /** Which question of that connection it is, from 1. */
  readonly question: number;
  hangUp(): void;
  /** Says yes once more, to nothing. */
  acceptNothing(): void;
}

interface Liar {
  readonly _authsQueue: string[];
  authPKOK(algorithm: string, key: Buffer): void;
}

/** A real SSH server that counts; `answer` decides on each question. */
async function countingServer(answer: (question: Question) => 'yes' | 'no', hosts = [hostPair]) {
  const seen: string[] = [];
  const sockets: Socket[] = [];
  const front = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    const connection = sockets.length;
    let question = 0;
    const host = hosts[Math.min(connection, hosts.length) - 1] ?? hostPair;
    const server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
      client.on('error', () => {});
      client.on('authentication', (attempt) => {
        if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
        question += 1;
        seen.push(`${connection}.${question}`);
        const said = answer({
          connection,
          question,
          hangUp: () => client.end(),
          acceptNothing: () =>
            setImmediate(() => {
              // ssh2 as a server does not speak out of turn, unless it believes that there is a question.
              const protocol: Liar = Reflect.get(client, '_protocol');
              protocol._authsQueue.push('publickey');
              protocol.authPKOK(attempt.key.algo, attempt.key.data);
            }),
        });
        if (said === 'yes') return attempt.accept();
        attempt.reject(['publickey']);
      });
    });
    server.injectSocket(socket);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    front.close();
  });
  return { port: (front.address() as AddressInfo).port, seen, sockets };
}

/** Looks on one line. Time stands still unless `pass` is called. */
function looker(port: number, more: Partial<SshTarget> = {}) {
  let now = 0;
  const line = new SshLine({ monotonic: () => now });
  endings.push(() => line.close());
  const target = { host: '127.0.0.1', port, user: 'root', sshKey: tenantKey, timeoutMs: 20_000, ...more };
  return {
    line,
    look: (other: Partial<SshTarget> = {}) => systemGuest.probeSsh({ ...target, ...other }, signal, line),
    pass(ms: number) {
      now += ms;
    },
  };
}

const closed = (socket: Socket | undefined): Promise<unknown> =>
  socket === undefined || socket.closed ? Promise.resolve() : once(socket, 'close');

describe('the looks of one wait', () => {
  test('share a connection for five refusals, then begin another', async () => {
    const { port, seen, sockets } = await countingServer(() => 'no');
    const { look, line } = looker(port);
    for (let count = 0; count < 12; count++) expect(await look()).toEqual(refused);
    expect(seen).toEqual(['1.1', '1.2', '1.3', '1.4', '1.5', '2.1', '2.2', '2.3', '2.4', '2.5', '3.1', '3.2']);
    line.close();
    await Promise.all(sockets.map(closed));
  });

  test('make one connection where the key is accepted at once, and leave nothing open', async () => {
    const { port, seen, sockets } = await countingServer(() => 'yes');
    expect(await looker(port).look()).toMatchObject({ state: 'ready' });
    expect(seen).toEqual(['1.1']);
    await Promise.all(sockets.map(closed));
  });

  test('believe a yes after a refusal only from a new connection', async () => {
    const { port, seen, sockets } = await countingServer(({ connection, question }) =>
      connection === 1 && question <= 2 ? 'no' : 'yes',
    );
    const { look } = looker(port);
    expect(await look()).toEqual(refused);
    expect(await look()).toEqual(refused);
    expect(await look()).toMatchObject({ state: 'ready', hostKey: refused.hostKey });
    expect(seen).toEqual(['1.1', '1.2', '1.3', '2.1']);
    await Promise.all(sockets.map(closed));
  });

  test('do not hand over a machine whose new connections show another host key', async () => {
    const { port, seen } = await countingServer(
      ({ question }) => (question === 1 ? 'no' : 'yes'),
      [hostPair, otherPair],
    );
    const { look } = looker(port, { expectHostKey: refused.hostKey });
    expect(await look()).toEqual(refused);
    expect(await look()).toEqual({ state: 'wrong-host-key', hostKey: fingerprint(otherPair) });
    expect(seen).toEqual(['1.1', '1.2']);
  });

  test('go on where the server hangs up over too many attempts', async () => {
    const { port, seen } = await countingServer(({ question, hangUp }) => {
      if (question === 3) hangUp();
      return 'no';
    });
    const { look } = looker(port);
    for (let count = 0; count < 5; count++) expect(await look()).toEqual(refused);
    expect(seen).toEqual(['1.1', '1.2', '1.3', '2.1', '2.2', '2.3', '3.1']);
  });

  test('make a connection each where the server closes it after every refusal', async () => {
    const { port, seen, sockets } = await countingServer(({ hangUp }) => {
      setImmediate(hangUp);
      return 'no';
    });
    const { look } = looker(port);
    for (let count = 1; count <= 3; count++) {
      expect(await look()).toEqual(refused);
      await closed(sockets[count - 1]);
    }
    expect(seen).toEqual(['1.1', '2.1', '3.1']);
  });

  test('begin another connection when the old one may not know of new users', async () => {
    const { port, seen } = await countingServer(() => 'no');
    const { look, pass } = looker(port);
    for (const ms of [0, 2_000, 2_200, 200, 0]) {
      pass(ms);
      expect(await look()).toEqual(refused);
    }
    expect(seen).toEqual(['1.1', '1.2', '1.3', '2.1', '2.2']);
  });

  test.each([
    ['user', { user: 'debian' }],
    ['key', { sshKey: otherPair.public.trim() }],
    ['host', { host: 'localhost' }],
  ])('do not share a connection for another %s', async (_what, other) => {
    const { port, seen } = await countingServer(() => 'no');
    const { look } = looker(port);
    await look();
    expect(await look(other)).toEqual(refused);
    expect(seen).toEqual(['1.1', '2.1']);
  });

  test('take no answer that nobody asked for', async () => {
    const { port } = await countingServer(({ connection, acceptNothing }) => {
      if (connection === 1) acceptNothing();
      return 'no';
    });
    const { look } = looker(port);
    for (let count = 0; count < 7; count++) expect(await look()).toEqual(refused);
  });

  test('end with the wait: by its deadline, or aborted', async () => {
    const { port, sockets } = await countingServer(() => 'no');
    const abort = new AbortController();
    let looks = 0;
    const result = waitUntilReady({
      clock: systemClock,
      random: systemRandom,
      deadlineMs: 60_000,
      signal: abort.signal,
      probe: async (inner, line) => {
        const target = { host: '127.0.0.1', port, user: 'root', sshKey: tenantKey, timeoutMs: 20_000 };
        const probe = await systemGuest.probeSsh(target, inner, line);
        looks += 1;
        if (looks === 3) abort.abort(new Error('enough'));
        return probe;
      },
    });
    await expect(result).rejects.toThrow('enough');
    expect(sockets).toHaveLength(1);
    await Promise.all(sockets.map(closed));
  });
});
