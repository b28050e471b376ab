import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../platform/virtual-clock.ts';
import { silentLog } from '../ports/log.ts';
import { createNetdClient } from './netd-client.ts';
import { TURNED_AWAY, wireRoute } from './netd-protocol.ts';
import { type NetdServer, startNetdServer } from './netd-server.ts';
import { createNetdWork, type NetdWork } from './netd-work.ts';
import { routeOf, SETTINGS } from './nft-fixtures.ts';
import { type Nft, NftRefusal } from './nft-run.ts';
import { GatewayError } from './port.ts';

const { signal } = new AbortController();
let home: string;
let path: string;
let server: NetdServer | undefined;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'dc-netd-'));
  path = join(home, 'netd.sock');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(home, { recursive: true, force: true });
});

async function serve(work: Pick<NetdWork, 'answer'>, clock?: VirtualClock): Promise<void> {
  server = await startNetdServer(work, { path }, { log: silentLog, ...(clock === undefined ? {} : { clock }) });
}

const nft = (change: Partial<Nft>): Nft => ({
  apply: async () => {},
  would: async () => true,
  list: async () => undefined,
  version: async () => '1.0.6',
  ...change,
});

describe('the helper’s door', () => {
  test('errors keep their kind, and a refusal of nft’s is one to try again', async () => {
    const errors = [
      new GatewayError('config', 'install nftables'),
      new NftRefusal('no such entry'),
      new Error('surprise'),
    ];
    await serve({
      answer: () => Promise.reject(errors.shift() ?? new Error('enough')),
    });
    const ask = () => createNetdClient(path).ask({ op: 'traffic' }, signal);
    await expect(ask()).rejects.toMatchObject({ kind: 'config', message: 'the network helper: install nftables' });
    await expect(ask()).rejects.toMatchObject({ kind: 'retry', message: 'the network helper: no such entry' });
    await expect(ask()).rejects.toMatchObject({ kind: 'retry' });
  });

  test('who was turned away before it was heard asks again', async () => {
    const refusal = `${JSON.stringify({ ok: false, kind: 'retry', message: TURNED_AWAY })}\n`;
    let calls = 0;
    const crowded = createServer((socket) => {
      socket.on('error', () => {});
      const reply = ++calls < 3 ? refusal : `${JSON.stringify({ ok: true, answer: { answered: true } })}\n`;
      socket.once('data', () => socket.end(reply));
    });
    await new Promise<void>((listening) => void crowded.listen(path, listening));
    const ask = (until: AbortSignal) =>
      createNetdClient(path).ask({ op: 'answered', localPort: 1, port: 22, ipv4: '10.77.0.3' }, until);
    expect(await ask(signal)).toEqual({ answered: true });
    expect(calls).toBe(3);
    calls = -1_000_000;
    const tired = new AbortController();
    const asking = ask(tired.signal);
    tired.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
    await new Promise((closed) => crowded.close(closed));
  });

  test('requests are done one after the other, whoever sends them', async () => {
    let running = 0;
    let most = 0;
    const slow = nft({
      async apply() {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      },
    });
    await serve(createNetdWork({ settings: SETTINGS, nft: slow, log: silentLog }));
    const ask = (n: number) => createNetdClient(path).ask({ op: 'apply', routes: [wireRoute(routeOf(n))] }, signal);
    await Promise.all([1, 2, 3, 4, 5].map(ask));
    expect(most).toBe(1);
  });

  test('several requests in one piece, and one in many, are answered in order', async () => {
    await serve({ answer: async (request) => ({ answered: request.op === 'answered' && request.port === 22 }) });
    const line = (port: number) => `${JSON.stringify({ op: 'answered', localPort: 1, port, ipv4: '10.77.0.2' })}\n`;
    const socket = connect(path);
    const answers = new Promise<string>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (text.split('\n').length === 4) resolve(text);
      });
    });
    socket.write(line(22) + line(23) + line(22).slice(0, 20));
    socket.write(line(22).slice(20));
    const answered = (await answers)
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).answer.answered);
    socket.destroy();
    expect(answered).toEqual([true, false, true]);
  });

  test('who gives up waiting gets his own reason, and the helper works on', async () => {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await serve({
      async answer() {
        await held;
        return { traffic: [] };
      },
    });
    const impatient = new AbortController();
    const asked = createNetdClient(path).ask({ op: 'traffic' }, impatient.signal);
    impatient.abort(new Error('shutting down'));
    await expect(asked).rejects.toThrow('shutting down');
    release();
    expect(await createNetdClient(path).ask({ op: 'traffic' }, signal)).toEqual({ traffic: [] });
  });

  test('nobody there is said with what to do', async () => {
    await expect(createNetdClient(path).ask({ op: 'traffic' }, signal)).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('systemctl status dc-agent-netd'),
    });
  });

  test('who says nothing, or half a request byte by byte, or does not read its answer, is ended in its time', async () => {
    const clock = createVirtualClock();
    const answered: string[] = [];
    const work = {
      async answer() {
        answered.push('once');
        // More than any socket takes unread.
        return { repaired: ['x'.repeat(8 << 20)], refused: [] };
      },
    };
    await serve(work, clock);
    const silent = await opened();
    await clock.advance(29_999);
    expect(silent.isEnded()).toBe(false);
    await clock.advance(1);
    await silent.ended;

    const slow = await opened();
    for (let i = 0; i < 9; i++) {
      slow.socket.write('{');
      await arrived();
      await clock.advance(1_000);
    }
    expect(slow.isEnded()).toBe(false);
    await clock.advance(1_000);
    await slow.ended;

    const deaf = await opened();
    deaf.socket.pause();
    deaf.socket.write('{"op":"about"}\n'.repeat(3));
    await expect.poll(() => answered.length).toBe(1);
    await arrived();
    await clock.advance(10_000);
    deaf.socket.resume();
    await deaf.ended;
    expect(answered).toHaveLength(1);
  });

  test('what comes after a line that is no request is not looked at', async () => {
    let asked = 0;
    await serve({
      async answer() {
        asked += 1;
        return { traffic: [] };
      },
    });
    const one = await opened();
    let said = '';
    one.socket.on('data', (chunk) => (said += chunk.toString()));
    one.socket.write('{"op":"about"}\nflush\n{"op":"about"}\n');
    await one.ended;
    expect(said.trim().split('\n')).toHaveLength(2);
    expect(asked).toBe(1);
  });
});

/** A connection, and how it fares. */
async function opened() {
  const socket = connect(path);
  // What the helper had not read when it ended the connection.
  socket.on('error', () => {});
  let isEnded = false;
  const ended = new Promise<void>((resolve) =>
    socket.once('close', () => {
      isEnded = true;
      resolve();
    }),
  );
  socket.resume();
  await new Promise((resolve) => socket.once('connect', resolve));
  await arrived();
  return { socket, ended, isEnded: () => isEnded };
}

/** Both sides are this process: after some turns everything is where it was sent to. */
async function arrived(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
