import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, Secret, silentLog, systemClock } from '../../src/provisioner/index.ts';
import { createPve, type Pve } from './api.ts';
import { httpTransport, type PveTransport } from './transport.ts';

const signal = new AbortController().signal;
const vm = { node: 'pve', vmid: 100 };

let server: Server;
let transport: PveTransport;
let pve: Pve;
let answer: (response: ServerResponse, request: IncomingMessage) => void;
let connections = 0;
const heard: string[] = [];
/** Fires the deadline of every call under way. */
let timeUp: () => void;

beforeEach(async () => {
  connections = 0;
  heard.length = 0;
  server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    heard.push(`${request.method} ${request.url}`);
    request.resume();
    request.on('end', () => answer(response, request));
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const timers = new Set<() => void>();
  timeUp = () => {
    for (const fire of timers) fire();
  };
  const clock: Clock = {
    ...systemClock,
    after: (_, fire) => {
      timers.add(fire);
      return () => void timers.delete(fire);
    },
  };
  const { port } = server.address() as AddressInfo;
  transport = httpTransport(`http://127.0.0.1:${port}/front`, { how: 'checked' }, systemClock);
  const credentials = { how: 'token', id: 'dc@pve!agent', secret: new Secret('s3cret') } as const;
  pve = createPve(transport, credentials, { clock, log: silentLog });
});

afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

describe('a host that answers', () => {
  test('is asked below its own path, over connections that are kept', async () => {
    answer = (response) => response.end('{"data":"101"}');
    for (let asked = 0; asked < 10; asked += 1) expect(await pve.cluster.nextId(signal)).toBe(101);
    expect(new Set(heard)).toEqual(new Set(['GET /front/api2/json/cluster/nextid']));
    // A connection takes a moment to be free again, so a second one may be made; never one for each request.
    expect(connections).toBeLessThanOrEqual(2);
  });

  test('with its own codes, reason phrase and closed connection, is understood', async () => {
    answer = (response) => response.writeHead(596, 'Broken pipe', { connection: 'close' }).end();
    await expect(pve.vms.remove(vm, signal)).rejects.toMatchObject({
      kind: 'unknown-outcome',
      message: expect.stringContaining('596 Broken pipe') as string,
    });
    answer = (response) => response.end('{"data":"101"}');
    expect(await pve.cluster.nextId(signal)).toBe(101);
    expect(connections).toBeGreaterThanOrEqual(2);
  });

  test('is sent a body in full, and none with DELETE', async () => {
    const bodies: string[] = [];
    answer = (response) => response.end('{"data":null}');
    server.prependListener('request', (request: IncomingMessage) => {
      let text = `${request.method} ${request.headers['content-length']} `;
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => bodies.push(text));
    });
    await pve.vms.setConfig(vm, { set: { description: 'ümlaut; a=b', sshkeys: 'ssh-ed25519 AA+/' } }, signal);
    await expect(pve.vms.remove(vm, signal)).rejects.toThrow();
    expect(bodies).toEqual([
      'PUT 65 {"description":"ümlaut; a=b","sshkeys":"ssh-ed25519%20AA%2B%2F"}',
      'DELETE undefined ',
    ]);
    expect(heard.at(-1)).toBe('DELETE /front/api2/json/nodes/pve/qemu/100?purge=1');
  });

  test('is cut off when it sends without end', async () => {
    answer = (response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = (): void => {
        if (!response.destroyed) response.write(chunk, () => setImmediate(more));
      };
      more();
    };
    await expect(pve.cluster.nextId(signal)).rejects.toMatchObject({ kind: 'retry', reason: 'lost' });
  });
});

test.each([
  ['says nothing of it', { connection: 'keep-alive' }],
  ['promises more', { connection: 'keep-alive', 'keep-alive': 'timeout=60' }],
])('an idle connection is given up by the client before a host drops it after 5 s that %s', async (_, headers) => {
  server.keepAliveTimeout = 5_000;
  answer = (response) => response.writeHead(200, headers).end('{"data":"101"}');
  const [connected] = await Promise.all([once(server, 'connection'), pve.cluster.nextId(signal)]);
  const socket = connected[0] as Socket;
  const first = await Promise.race([
    once(socket, 'end').then(() => 'client'),
    once(socket, 'close').then(() => 'host'),
  ]);
  expect(first).toBe('client');
});

describe('an answer that is lost', () => {
  test.each([
    ['before it began', (response: ServerResponse) => void response.destroy()],
    [
      'in the middle',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"data":"UPID:', () => response.destroy());
      },
    ],
    ['by the deadline', () => timeUp()],
    ['by the deadline in the middle', (response: ServerResponse) => void response.write('{"da', () => timeUp())],
  ])('%s leaves a write in the dark, a read to be retried, and neither is asked for twice', async (_, trouble) => {
    answer = trouble;
    await expect(pve.vms.start(vm, signal)).rejects.toMatchObject({ kind: 'unknown-outcome', reason: 'lost' });
    await expect(pve.vms.status(vm, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'lost' });
    await expect(pve.vms.setConfig(vm, { set: {} }, signal)).rejects.toMatchObject({ kind: 'retry', reason: 'lost' });
    expect(heard.map((line) => line.split(' ')[0])).toEqual(['POST', 'GET', 'PUT']);
  });

  test('by the caller, who gave up, ends the exchange at once', async () => {
    const cancel = new AbortController();
    answer = () => cancel.abort(new Error('enough'));
    await expect(pve.vms.start(vm, cancel.signal)).rejects.toMatchObject({ kind: 'unknown-outcome' });
  });

  test('by closing leaves nothing hanging', async () => {
    answer = () => void transport.close();
    await expect(pve.vms.start(vm, signal)).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await expect(pve.vms.start(vm, signal)).rejects.toMatchObject({ name: 'ProvisionerError' });
  });
});

test('writes that keep a worker busy are two at a time on a node, and reads pass them', async () => {
  const open: ServerResponse[] = [];
  answer = (response, { method }) => {
    if (method === 'PUT') open.push(response);
    else response.end('{"data":"101"}');
  };
  const writes = [1, 2, 3].map((n) => pve.vms.setConfig(vm, { set: { cores: n } }, signal));
  const elsewhere = pve.vms.setConfig({ node: 'other', vmid: 7 }, { set: { cores: 1 } }, signal);
  await expect.poll(() => open.length).toBe(3);
  expect(heard.filter((line) => line.includes('/pve/'))).toHaveLength(2);
  expect(await pve.cluster.nextId(signal)).toBe(101);
  const finish = (): void => {
    for (const response of open.splice(0)) response.end('{"data":null}');
  };
  finish();
  await expect.poll(() => open.length).toBe(1);
  finish();
  await Promise.all([...writes, elsewhere]);
  expect(heard.filter((line) => line.startsWith('PUT'))).toHaveLength(4);
});
