import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { sshFingerprint } from '../guest/index.ts';
import { knock } from './knock.ts';
import { field, packet } from './ssh-wire.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const ask = (port: number, timeoutMs = 5_000) =>
  knock({ host: '127.0.0.1', port, timeoutMs }, new AbortController().signal);

function blobOf(publicLine: string): Buffer {
  return Buffer.from(publicLine.trim().split(' ')[1] ?? '', 'base64');
}

describe('knocking at an SSH server', () => {
  it.each([
    ['ed25519', undefined],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
    ['rsa', 2048],
  ] as const)('shows its host key, %s %s, proved by its signature', async (type, bits) => {
    const pair =
      type === 'ed25519'
        ? ssh2.utils.generateKeyPairSync('ed25519')
        : ssh2.utils.generateKeyPairSync(type as 'rsa', { bits: bits ?? 0 });
    const server = new ssh2.Server({ hostKeys: [pair.private] }, (client) => client.on('error', () => {}));
    const port = await listen((socket) => server.injectSocket(socket));
    const answer = await ask(port);
    expect(answer).toMatchObject({ state: 'answers', hostKey: sshFingerprint(blobOf(pair.public)) });
    expect(answer.state === 'answers' && answer.latencyMs).toBeGreaterThan(0);
  });

  it('counts a server with which there is no common key exchange as one that answers', async () => {
    const hello = Buffer.concat([
      Buffer.from([20]),
      Buffer.alloc(16, 7),
      ...['diffie-hellman-group1-sha1', 'ssh-rsa', 'a', 'a', 'b', 'b', 'none', 'none', '', ''].map((one) => field(one)),
      Buffer.alloc(5),
    ]);
    const port = await listen(
      (socket) => void socket.write(Buffer.concat([Buffer.from('SSH-2.0-old\r\n'), packet(hello)])),
    );
    expect(await ask(port)).toEqual({ state: 'answers', latencyMs: expect.any(Number) });
  });

  it('believes no host key without its signature', async () => {
    // Says what a real server says, but with another one's key: as somebody in the middle would.
    const [real, claimed] = [ssh2.utils.generateKeyPairSync('ed25519'), ssh2.utils.generateKeyPairSync('ed25519')];
    const server = new ssh2.Server({ hostKeys: [real.private] }, (client) => client.on('error', () => {}));
    const inner = await listen((socket) => server.injectSocket(socket));
    const port = await listen((socket) => {
      const through = connect(inner, '127.0.0.1');
      through.on('error', () => {});
      endings.push(() => through.destroy());
      socket.pipe(through);
      through.on('data', (bytes) => {
        const at = bytes.indexOf(blobOf(real.public));
        if (at >= 0) blobOf(claimed.public).copy(bytes, at);
        socket.write(bytes);
      });
    });
    expect(await ask(port)).toEqual({ state: 'silent' });
  });
});

describe('knocking where no SSH server is', () => {
  it.each([
    ['says nothing', () => {}],
    ['closes', (socket: Socket) => void socket.end()],
    ['resets', (socket: Socket) => void socket.resetAndDestroy()],
    ['speaks HTTP', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks the old protocol', (socket: Socket) => void socket.write('SSH-1.5-old\r\n')],
    ['sends a packet longer than allowed', (socket: Socket) => void socket.write('SSH-2.0-x\r\n\xff\xff\xff\xff\xff')],
    [
      'sends noise',
      (socket: Socket) => void socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(999, 9)])),
    ],
  ])('is silence when it %s', async (_what, greet) => {
    expect(await ask(await listen(greet), 300)).toEqual({ state: 'silent' });
  });

  it('is silence when nobody listens', async () => {
    const port = await listen(() => {});
    for (const end of endings.splice(0)) await end();
    expect(await ask(port)).toEqual({ state: 'silent' });
  });

  it.each([
    ['one endless line', Buffer.alloc(8_192, 0x41)],
    ['endless lines', Buffer.from('hello\r\n'.repeat(1_000))],
    ['endless idle words', Buffer.concat(Array(256).fill(packet(Buffer.from([2, 0, 0, 0, 0]))))],
  ])('ends soon when it is fed with %s, and hangs up', async (what, food) => {
    let closed: Promise<unknown> | undefined;
    const port = await listen((socket) => {
      closed = new Promise((resolve) => socket.once('close', resolve));
      if (what === 'endless idle words') socket.write('SSH-2.0-x\r\n');
      const feed = (): void => {
        while (!socket.destroyed && socket.write(food));
        socket.once('drain', feed);
      };
      feed();
    });
    expect(await ask(port, 20_000)).toEqual({ state: 'silent' });
    await closed;
  });

  it('ends with the reason of its signal', async () => {
    const port = await listen(() => {});
    const controller = new AbortController();
    const answer = knock({ host: '127.0.0.1', port, timeoutMs: 5_000 }, controller.signal);
    controller.abort(new Error('stopping'));
    await expect(answer).rejects.toThrow('stopping');
  });
});

const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path)) ?? '';
describe.skipIf(sshd === '')(`OpenSSH${sshd === '' ? ' (skipped: no sshd on this machine)' : ''}`, () => {
  it.each(['ed25519', 'ecdsa', 'rsa'])('shows and proves its %s host key', async (type) => {
    const directory = mkdtempSync(join(tmpdir(), 'dc-knock-'));
    const host = join(directory, 'host');
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      type,
      ...(type === 'rsa' ? ['-b', '2048'] : []),
      '-N',
      '',
      '-C',
      '',
      '-f',
      host,
    ]);
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    writeFileSync(join(directory, 'config'), `HostKey ${host}\nUsePAM no\nPidFile none\nStrictModes no\n`);
    // As inetd does: the connection is handed over, so there is no port to wait for.
    const port = await listen((socket) => {
      const child: ChildProcess = spawn(sshd, ['-i', '-f', join(directory, 'config')], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      endings.push(async () => {
        if (child.exitCode === null && child.kill()) await once(child, 'exit');
      });
      child.stdin?.on('error', () => {});
      if (child.stdin !== null) socket.pipe(child.stdin);
      child.stdout?.pipe(socket);
    });
    endings.unshift(() => rmSync(directory, { recursive: true }));
    expect(await ask(port)).toMatchObject({
      state: 'answers',
      hostKey: sshFingerprint(blobOf(readFileSync(`${host}.pub`, 'utf8'))),
    });
  });
});
