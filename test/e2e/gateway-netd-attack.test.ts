import { spawnSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNetdClient } from '../../src/gateway/netd-client.ts';
import { wireRoute } from '../../src/gateway/netd-protocol.ts';
import { routeOf } from '../../src/gateway/nft-fixtures.ts';
import { type Helper, makeWorld, namespacesAvailable, type World } from './gateway-net-world.ts';

const available = namespacesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

const MB = 1 << 20;
/** What its unit allows it (MemoryMax) is 512 MB. */
const MEMORY_MB = 400;
const EXIT_CONFIG = 78;

describe.skipIf(available !== true)(`the network helper, attacked by somebody in its own group${why}`, () => {
  let world: World;
  let helper: Helper;
  let path: string;
  let precious: string;
  const sockets: Socket[] = [];
  const honest = wireRoute(routeOf(1));

  beforeAll(async () => {
    world = await makeWorld([], ['gw']);
    precious = join(world.home, 'precious');
    await writeFile(precious, 'precious', { mode: 0o600 });
    const run = join(world.home, 'dc_agent/run');
    await mkdir(run, { recursive: true });
    path = join(run, 'netd.sock');
    await symlink(precious, path);
    helper = await world.startHelper();
  }, 180_000);
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await world?.remove();
  }, 60_000);

  const ask = () => createNetdClient(path).ask({ op: 'apply', routes: [honest] }, AbortSignal.timeout(20_000));
  const forwards = () => world.place('gw').exec('nft', 'list', 'map', 'inet', 'dc_agent', 'forwards');
  const memoryMb = async (): Promise<number> => {
    const [, kb] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${helper.pid}/status`, 'utf8')) ?? [];
    return Number(kb) / 1024;
  };
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(path);
      sockets.push(socket);
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
      // Whatever the helper does with it.
      socket.on('error', () => {});
    });
  /** What one connection is answered to this text, until it is ended or there are so many lines. */
  const answers = async (text: string | Buffer, lines = 1): Promise<string> => {
    const socket = await open();
    return new Promise((resolve) => {
      let said = '';
      socket.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split('\n').length > lines) socket.destroy();
      });
      socket.on('close', () => resolve(said));
      socket.write(text);
    });
  };
  const isServed = async (): Promise<boolean> => {
    const { refused } = await ask();
    return refused.length === 0 && (await forwards()).includes('203.0.113.1 . tcp . 20010 : 10.77.0.3');
  };

  test('a link at the place of its socket is taken away, and what it led to is not touched', async () => {
    expect((await lstat(path)).isSocket()).toBe(true);
    expect((await lstat(path)).mode & 0o777).toBe(0o660);
    expect(await readFile(precious, 'utf8')).toBe('precious');
    expect((await lstat(precious)).mode & 0o777).not.toBe(0o660);
    expect(await isServed()).toBe(true);
  });

  test('hundreds of connections that say nothing, half a request, or too much at once keep nobody out', async () => {
    const held = await Promise.all(Array.from({ length: 300 }, open));
    for (const [n, socket] of held.entries()) if (n % 2 === 0) socket.write('{"op":"app');
    expect(await isServed()).toBe(true);
    // Who is already in work is let go as well where there are enough others.
    const many = `${JSON.stringify({ op: 'answered', localPort: 1, port: 22, ipv4: '10.77.0.3' })}\n`.repeat(50);
    const busy = await Promise.all(Array.from({ length: 100 }, open));
    for (const socket of busy) socket.write(many);
    expect(await isServed()).toBe(true);
    for (const socket of [...held, ...busy]) socket.destroy();
  });

  test('a storm of new connections does not shut out a request', async () => {
    let storming = true;
    const storm = Array.from({ length: 8 }, async () => {
      // The kernel itself turns some away, once too many stand at the door.
      while (storming)
        await open().then(
          (socket) => socket.destroy(),
          () => new Promise(setImmediate),
        );
    });
    for (let i = 0; i < 5; i++) expect(await isServed()).toBe(true);
    storming = false;
    await Promise.all(storm);
  });

  test('lines without an end are cut off, and all of them together take up no more than there is room for', async () => {
    const piece = Buffer.alloc(MB, 'x');
    const cut = Array.from({ length: 40 }, async () => {
      const socket = await open();
      const said = new Promise<string>((resolve) => {
        let text = '';
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
        socket.on('close', () => resolve(text));
      });
      for (let i = 0; i < 17 && !socket.destroyed; i++) {
        if (!socket.write(piece)) await turned(socket);
      }
      return said;
    });
    expect(await isServed()).toBe(true);
    const said = await Promise.all(cut);
    expect(
      said.filter((text) => /a request may have 16777216 bytes|too much was sent at once/.test(text)).length,
    ).toBeGreaterThan(0);
    expect(await isServed()).toBe(true);
    expect(await memoryMb()).toBeLessThan(MEMORY_MB);
  });

  test('lines that would take up a hundred times their size are not read', async () => {
    const filled = (part: string): Buffer => Buffer.from(`${part.repeat(Math.floor((15 * MB) / part.length))}\n`);
    const bombs = ['[', '[],', '{},', '{"a":', '0,', '"",'].map(filled);
    const list = Buffer.from(`{"op":"apply","routes":[${'0,'.repeat(300_000)}0]}\n`);
    const keys = Buffer.from(`{${Array.from({ length: 300_000 }, (_, n) => `"${n}":0`).join()}}\n`);
    const said = await Promise.all([...bombs, list, keys].map((bomb) => answers(bomb)));
    for (const text of said) expect(text).toMatch(/"ok":false/);
    expect(await isServed()).toBe(true);
    expect(await memoryMb()).toBeLessThan(MEMORY_MB);
  });

  test('who sends thousands of requests and reads no answer is waited for, and everybody else is not', async () => {
    await world.place('gw').exec('nft', 'flush', 'ruleset');
    const fleet = Array.from({ length: 500 }, (_, n) => wireRoute(routeOf(n)));
    await createNetdClient(path).ask({ op: 'apply', routes: fleet }, AbortSignal.timeout(60_000));
    const greedy = await Promise.all(Array.from({ length: 4 }, open));
    for (const socket of greedy) {
      socket.pause();
      socket.write('{"op":"traffic"}\n'.repeat(20_000));
    }
    await ask();
    for (const socket of greedy) socket.destroy();
    expect(await isServed()).toBe(true);
    expect(await memoryMb()).toBeLessThan(MEMORY_MB);
  });

  test.each([
    ['what is no JSON', 'rm -rf /\n', /one line of JSON/],
    ['a line that is empty', '\n', /one line of JSON/],
    ['an operation that there is not', '{"op":"flush"}\n', /not a request/],
    ['more beside it', '{"op":"apply","routes":[],"table":"filter"}\n', /not a request/],
    [
      'text for a rule',
      JSON.stringify({ op: 'apply', routes: [{ ...honest, ipv4: '10.77.0.3; accept' }] }).concat('\n'),
      /not a request: .*route 0/,
    ],
    ['a change of a plan without a name', '{"op":"change","state":"latest","gone":[],"routes":[]}\n', /not a request/],
    [
      'a change of a plan that nobody has made',
      `{"op":"change","state":"00000000-0000-4000-8000-000000000000","gone":["${honest.contract}"],"routes":[]}\n`,
      /"answer":\{\}/,
    ],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x0a]), /one line of JSON/],
    ['more routes than there are ports', `{"op":"apply","routes":[${'0,'.repeat(65_536)}0]}\n`, /at most 65536 routes/],
  ])('%s is answered in words, and changes nothing', async (_, text, reason) => {
    expect(await isServed()).toBe(true);
    const before = await forwards();
    expect(await answers(text)).toMatch(reason);
    expect(await forwards()).toBe(before);
  });

  test('ports and addresses outside of its own limits are refused one by one, however many', async () => {
    const outside = [
      { ...honest, contract: 'b'.repeat(64), firstPort: 22, portCount: 1 },
      { ...honest, contract: 'c'.repeat(64), firstPort: 59_990, portCount: 20 },
      { ...honest, contract: 'd'.repeat(64), firstPort: 30_000, ipv4: '127.0.0.1' },
      { ...honest, contract: 'e'.repeat(64), firstPort: 30_100, ipv4: '10.77.0.1' },
      { ...honest, contract: 'f'.repeat(64), firstPort: 30_200, ipv4: '192.0.2.1' },
    ];
    const flood = Array.from({ length: 5_000 }, (_, n) => ({
      ...honest,
      contract: `a${n.toString(16).padStart(63, '0')}`,
      firstPort: 1 + n,
      ipv4: '169.254.169.254',
    }));
    const { refused } = await createNetdClient(path).ask(
      { op: 'apply', routes: [honest, ...outside, ...flood] },
      AbortSignal.timeout(20_000),
    );
    expect(refused).toHaveLength(5_005);
    const open = [...(await forwards()).matchAll(/\. (\d+) : ([\d.]+)/g)].map(([, port, to]) => `${port} ${to}`).sort();
    expect(open).toEqual(Array.from({ length: 10 }, (_, n) => `${20_010 + n} 10.77.0.3`));
    // What is wrong is not written down five thousand times.
    expect(helper.log().split('route refused').length).toBeLessThan(100);
  });

  test('after all of that it is the same process', async () => {
    expect(helper.log().split('netd: ready')).toHaveLength(2);
    expect(await isServed()).toBe(true);
  });

  describe('the file that it goes by', () => {
    let folder: string;
    let config: string;
    const start = () =>
      spawnSync('timeout', ['20', process.execPath, world.program, '--config', config, 'netd'], { encoding: 'utf8' });

    beforeAll(async () => {
      folder = join(world.home, 'etc');
      config = join(folder, 'dc-agent.toml');
      await mkdir(folder);
      await chmod(world.home, 0o755);
      await writeFile(config, '[gateway]\ndc_id = "dc-test"\npublic_ip = "203.0.113.1"\n', { mode: 0o600 });
    });

    const refusal = (place: string) => ({
      status: EXIT_CONFIG,
      stderr: expect.stringContaining(`${place} can be changed by others than root`),
    });

    test('is not read when it has become a link to one that is somebody else’s', async () => {
      const theirs = join(world.home, 'theirs.toml');
      await rename(config, theirs);
      await chown(theirs, 65_534, 65_534);
      await symlink(theirs, config);
      expect(start()).toMatchObject(refusal(theirs));
      await rm(config);
      await chown(theirs, 0, 0);
      await rename(theirs, config);
    });

    test('is not read over a link, or from a folder, that others could change between one look and the next', async () => {
      const loose = join(world.home, 'loose');
      await mkdir(loose);
      await chmod(loose, 0o777);
      await symlink(config, join(loose, 'dc-agent.toml'));
      const own = config;
      config = join(loose, 'dc-agent.toml');
      expect(start()).toMatchObject(refusal(loose));
      config = own;
      await chmod(world.home, 0o777);
      expect(start()).toMatchObject(refusal(world.home));
      await chmod(world.home, 0o755);
      await chmod(folder, 0o775);
      expect(start()).toMatchObject(refusal(folder));
      await chmod(folder, 0o755);
    });
  });
});

/** More may be written, or nothing any more. */
function turned(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
