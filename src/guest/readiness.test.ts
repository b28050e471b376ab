import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { keyPair } from '../../simulators/sandbox/key-pair.ts';
import { type SshTarget, systemGuest } from './index.ts';
import { sshFingerprint, sshKeyBlob } from './ssh-key.ts';
import { SshLine } from './ssh-line.ts';

const hostPair = keyPair(ssh2);
const hostKey = sshFingerprint(sshKeyBlob(hostPair.public.trim()));
const field = (bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};
const securityKey = `sk-ssh-ed25519@openssh.com ${Buffer.concat(
  ['sk-ssh-ed25519@openssh.com', Buffer.alloc(32, 9), 'ssh:'].map(field),
).toString('base64')}`;
const tenantKey = keyPair(ssh2).public.trim();
const rsaKey = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public.trim();
const ecdsaKey = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).public.trim();

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

type Ask = (ask: { user: string; blob: Buffer; signed: boolean }) => boolean | 'let-in';

/** A real SSH server whose `ask` decides on each offered key. */
async function sshServer(ask: Ask): Promise<{ port: number; sockets: Set<Socket> }> {
  const server = new ssh2.Server({ hostKeys: [hostPair.private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (attempt) => {
      if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
      const signed = attempt.signature !== undefined;
      const verdict = ask({ user: attempt.username, blob: attempt.key.data, signed });
      if (verdict === false) return attempt.reject(['publickey']);
      // accept() answers an unsigned question with "fine, now sign"; without the key object it would be a login.
      if (verdict === 'let-in') Object.assign(attempt, { key: undefined, signature: Buffer.of(1) });
      attempt.accept();
    });
  });
  const sockets = new Set<Socket>();
  const front = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    server.injectSocket(socket);
  });
  return { port: await listen(front, sockets), sockets };
}

async function rawServer(greet: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
    greet(socket);
  });
  return { port: await listen(server, sockets), sockets };
}

async function listen(server: TcpServer, sockets: Set<Socket>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function probe(port: number, more: Partial<SshTarget> = {}, signal = new AbortController().signal) {
  return systemGuest.probeSsh(
    { host: '127.0.0.1', port, user: 'root', sshKey: tenantKey, timeoutMs: 20_000, ...more },
    signal,
  );
}

async function allClosed(sockets: Set<Socket>): Promise<void> {
  await Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
}

describe('probeSsh', () => {
  test.each([
    ['Ed25519', tenantKey],
    ['RSA', rsaKey],
    ['ECDSA', ecdsaKey],
    ['a security key', securityKey],
  ])('finds a machine ready once it accepts the %s key, and never signs', async (_name, sshKey) => {
    const asked: { user: string; match: boolean; signed: boolean }[] = [];
    const { port, sockets } = await sshServer(({ user, blob, signed }) => {
      asked.push({ user, match: blob.equals(sshKeyBlob(sshKey)), signed });
      return true;
    });
    expect(await probe(port, { sshKey, user: 'debian', expectHostKey: hostKey })).toEqual({
      state: 'ready',
      hostKey,
      latencyMs: expect.any(Number),
    });
    expect(asked).toEqual([{ user: 'debian', match: true, signed: false }]);
    await allClosed(sockets);
  });

  test('says so when the key is refused', async () => {
    const { port, sockets } = await sshServer(() => false);
    expect(await probe(port)).toEqual({ state: 'key-refused', hostKey });
    await allClosed(sockets);
  });

  test('does not offer the key to a host with another key than expected', async () => {
    let asked = 0;
    const { port } = await sshServer(() => {
      asked += 1;
      return true;
    });
    const expectHostKey = sshFingerprint(Buffer.from('somebody else'));
    expect(await probe(port, { expectHostKey })).toEqual({ state: 'wrong-host-key', hostKey });
    expect(asked).toBe(0);
  });

  test('does not call a machine ready that lets everybody in', async () => {
    const { port } = await sshServer(() => 'let-in');
    expect(await probe(port)).toEqual({ state: 'not-yet', why: 'The server let us in without any proof.' });
  });

  test('finds nothing yet on a closed port', async () => {
    const { port } = await rawServer(() => {});
    for (const end of endings.splice(0)) await end();
    expect(await probe(port)).toEqual({ state: 'not-yet', why: 'The connection was refused.' });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['closes at once', (socket) => socket.end()],
    ['resets', (socket) => socket.resetAndDestroy()],
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends random bytes', (socket) => socket.write(Buffer.from('ff00'.repeat(40_000), 'hex'))],
    ['greets, then sends garbage', (socket) => socket.write(`SSH-2.0-x\r\n${'\xff'.repeat(5000)}`, 'latin1')],
    ['greets, then closes', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['speaks SSH 1', (socket) => socket.write('SSH-1.5-old\r\n')],
    ['announces a packet of 4 GB', (socket) => socket.write('SSH-2.0-x\r\n\xff\xff\xff\xff\x00', 'latin1')],
    ['never stops greeting', (socket) => greetForEver(socket, 'welcome\r\n')],
    ['greets without a line end', (socket) => greetForEver(socket, 'x')],
  ])('finds nothing yet when the server %s', async (_name, greet) => {
    const { port, sockets } = await rawServer(greet);
    const verdict = await probe(port);
    expect(verdict).toMatchObject({ state: 'not-yet' });
    expect(verdict).not.toMatchObject({ why: 'No verdict within the time limit.' });
    await allClosed(sockets);
  });

  test.each<[string, (socket: Socket) => void]>([
    ['says nothing', () => {}],
    ['stops after its greeting', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n')],
  ])('gives up at the time limit when the server %s', async (_name, greet) => {
    const { port, sockets } = await rawServer(greet);
    expect(await probe(port, { timeoutMs: 300 })).toEqual({
      state: 'not-yet',
      why: 'No verdict within the time limit.',
    });
    await allClosed(sockets);
  });

  test('stops when it is aborted, and closes its socket', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const { port, sockets } = await rawServer(() => abort.abort(reason));
    await expect(probe(port, {}, abort.signal)).rejects.toBe(reason);
    await allClosed(sockets);
    await expect(probe(port, {}, abort.signal)).rejects.toBe(reason);
  });
});

function greetForEver(socket: Socket, text: string): void {
  const more = (): void => {
    let room = true;
    while (room) room = !socket.destroyed && socket.write(text.repeat(1000));
  };
  socket.on('drain', more);
  more();
}

const sshd = process.env.DC_SSHD ?? '/usr/sbin/sshd';
describe.skipIf(!existsSync(sshd))('probeSsh against OpenSSH', () => {
  test.each([
    ['Ed25519', tenantKey],
    ['RSA', rsaKey],
    ['ECDSA', ecdsaKey],
    ['a security key', securityKey],
  ])('is ready with %s when installed, refused when not', async (_name, sshKey) => {
    const user = userInfo().username;
    const { port, key } = await openSsh(sshKey);
    expect(await probe(port, { user, sshKey, expectHostKey: key })).toMatchObject({ state: 'ready', hostKey: key });
    const other = keyPair(ssh2).public.trim();
    expect(await probe(port, { user, sshKey: other })).toEqual({ state: 'key-refused', hostKey: key });
    expect(await probe(port, { user, sshKey, expectHostKey: hostKey })).toEqual({
      state: 'wrong-host-key',
      hostKey: key,
    });
  });
});

describe.skipIf(!existsSync(sshd))('the looks of one wait at OpenSSH', () => {
  test('share connections, and never come to its limit of attempts', async () => {
    const { port, key, log } = await openSsh(tenantKey);
    const line = new SshLine({ monotonic: () => 0 });
    const target = { host: '127.0.0.1', port, user: userInfo().username, sshKey: tenantKey, timeoutMs: 20_000 };
    const other = { ...target, sshKey: keyPair(ssh2).public.trim() };
    const { signal } = new AbortController();
    for (let count = 0; count < 12; count++) {
      expect(await systemGuest.probeSsh(other, signal, line)).toEqual({ state: 'key-refused', hostKey: key });
    }
    expect(await systemGuest.probeSsh(target, signal, line)).toMatchObject({ state: 'ready', hostKey: key });
    line.close();
    // Its words come through a pipe, maybe after its answers.
    await vi.waitFor(() => expect(log().match(/^Connection from /gm)).toHaveLength(4));
    expect(log()).not.toMatch(/maximum authentication attempts|Too many/);
  });
});

interface OpenSsh {
  readonly port: number;
  readonly key: string;
  log(): string;
}

async function openSsh(authorized: string): Promise<OpenSsh> {
  const directory = mkdtempSync(join(tmpdir(), 'dc-sshd-'));
  const host = join(directory, 'host');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', host]);
  writeFileSync(join(directory, 'keys'), `${authorized}\n`);
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const { port } = await rawServer(() => {});
  for (const end of endings.splice(0)) await end();
  const options = {
    ListenAddress: '127.0.0.1',
    Port: port,
    HostKey: host,
    AuthorizedKeysFile: join(directory, 'keys'),
    StrictModes: 'no',
    UsePAM: 'no',
    PidFile: 'none',
    PermitRootLogin: 'prohibit-password',
    // Tells of each connection.
    LogLevel: 'VERBOSE',
  };
  const lines = Object.entries(options).map(([name, value]) => `${name} ${value}\n`);
  writeFileSync(join(directory, 'config'), lines.join(''));
  const child: ChildProcess = spawn(sshd, ['-D', '-e', '-f', join(directory, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endings.push(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    rmSync(directory, { recursive: true });
  });
  let said = '';
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('Server listening')) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${said}`)));
  });
  await listening;
  return { port, key: sshFingerprint(sshKeyBlob(readFileSync(`${host}.pub`, 'utf8').trim())), log: () => said };
}
