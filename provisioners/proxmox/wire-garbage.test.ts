import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret, silentLog, systemClock } from '../../src/provisioner/index.ts';
import { createPve, type Pve } from './api.ts';
import { PveProblem } from './errors.ts';
import { parseUpid } from './tasks-upid.ts';
import { httpTransport, type PveTransport } from './transport.ts';

const SECRET = '5ec2e7-0000-4000';
const upid = parseUpid('UPID:pve:00004B50:00053E2D:6B02A8A8:qmclone:9000:dc@pve!agent:')?.upid;
const vm = { node: 'pve', vmid: 101 };

let server: Server;
let transport: PveTransport;
let pve: Pve;
let answer: (response: ServerResponse) => void = (response) => response.end();
let asked = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked += 1;
    request.resume();
    request.on('end', () => answer(response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  transport = httpTransport(`http://127.0.0.1:${port}`, { how: 'checked' }, systemClock);
  const credentials = { how: 'token', id: 'dc@pve!agent', secret: new Secret(SECRET) } as const;
  pve = createPve(transport, credentials, { clock: systemClock, log: silentLog });
});

afterAll(async () => {
  await transport.close();
  server.closeAllConnections();
  server.close();
});

const CALLS: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
  (signal) => pve.cluster.version(signal),
  (signal) => pve.cluster.vms(signal),
  (signal) => pve.cluster.isIdFree(101, signal),
  (signal) => pve.nodes.status('pve', signal),
  (signal) => pve.storage.onNode('pve', signal),
  (signal) => pve.vms.config(vm, 'current', signal),
  (signal) => pve.vms.status(vm, signal),
  (signal) => pve.vms.remove(vm, signal),
  (signal) => pve.vms.resize(vm, 'scsi0', 10, signal),
  (signal) => pve.agent.interfaces(vm, signal),
  (signal) => pve.access.permissions(signal),
  (signal) => pve.access.createToken('dc@pve', 'x', '', signal),
  (signal) => (upid === undefined ? Promise.reject(new Error('no task')) : pve.tasks.status(upid, signal)),
];

const value = fc.oneof(
  fc.jsonValue(),
  fc.record({
    vmid: fc.jsonValue(),
    status: fc.jsonValue(),
    digest: fc.jsonValue(),
    result: fc.jsonValue(),
    node: fc.jsonValue(),
    type: fc.constantFrom('qemu', 'lxc', 7),
    exitstatus: fc.jsonValue(),
  }),
);
const body = fc.oneof(
  value.map((data) => JSON.stringify({ data })),
  value.map((data) => JSON.stringify({ data: [data, data] })),
  fc.record({ data: value, message: value, errors: value }).map((all) => JSON.stringify(all)),
  fc.string({ unit: 'binary' }),
  fc.constant(`<html>${SECRET}</html>`),
  fc.constant(JSON.stringify({ message: `you sent ${SECRET}`, errors: { token: SECRET } })),
);

test('whatever a host answers is a result or an error of the one kind, asked for once, and never shows a secret', async () => {
  const given = fc.record({
    call: fc.constantFrom(...CALLS),
    status: fc.constantFrom(200, 200, 200, 204, 301, 400, 401, 403, 404, 429, 500, 501, 503, 595, 596, 599, 999),
    reason: fc.constantFrom('OK', 'Broken pipe', 'VM is locked (clone)', '', `bad ${SECRET}`),
    type: fc.constantFrom('application/json;charset=UTF-8', 'text/html', undefined),
    body,
    cut: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ call, status, reason, type, body, cut }) => {
      answer = (response) => {
        response.writeHead(status, reason, type === undefined ? {} : { 'content-type': type });
        if (cut) response.write(body.slice(0, 10), () => response.destroy());
        else response.end(status === 204 ? '' : body);
      };
      const before = asked;
      try {
        await call(AbortSignal.timeout(20_000));
      } catch (error) {
        if (!(error instanceof PveProblem)) throw error;
        const shown = `${error.message} ${error.publicText} ${String(error.cause)}`;
        expect(shown).not.toContain(SECRET);
        expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
      }
      expect(asked).toBe(before + 1);
    }),
    { numRuns: 400 },
  );
}, 120_000);
