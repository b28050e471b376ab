import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type AgentId,
  type ContractId,
  type ExternalId,
  isProvisionerError,
  type Operation,
  type OperationId,
  type OwnedRef,
  type Provisioner,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { dockerPlugin } from './index.ts';

const stamp = {
  agent: 'a'.repeat(64) as AgentId,
  contract: 'c'.repeat(64) as ContractId,
  operation: 'f'.repeat(32) as OperationId,
};
const ref: OwnedRef = { stamp, externalId: 'e'.repeat(64) as ExternalId, handles: {} };

let server: Server;
let provisioner: Provisioner;
let answer: { status: number; type: string; body: string } = { status: 200, type: 'application/json', body: '{}' };
const asked: string[] = [];

beforeAll(async () => {
  const socketPath = join(tmpdir(), `dc-garbage-${randomUUID()}.sock`);
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    request.on('end', () => response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const settings = dockerPlugin.settings.parse({ socket_path: socketPath });
  provisioner = await dockerPlugin.open(settings, {
    agent: stamp.agent,
    target: 'docker',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
});

afterAll(async () => {
  await provisioner.close?.();
  server.closeAllConnections();
  server.close();
});

const json = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc
    .record({
      Id: fc.jsonValue(),
      Names: fc.jsonValue(),
      Labels: fc.jsonValue(),
      State: fc.jsonValue(),
      Config: fc.jsonValue(),
      NetworkSettings: fc.jsonValue(),
    })
    .map((value) => JSON.stringify(value.Id === null ? value : [value])),
  fc.string(),
);

test('whatever an engine answers is a result or an error of the one kind, and never a reason to touch a machine', async () => {
  const answers = fc.record({
    status: fc.constantFrom(200, 201, 204, 304, 400, 404, 409, 418, 500, 503),
    type: fc.constantFrom('application/json', 'text/plain', 'text/html'),
    body: json,
  });
  await fc.assert(
    fc.asyncProperty(answers, async (given) => {
      answer = given.status === 204 || given.status === 304 ? { ...given, body: '' } : given;
      asked.length = 0;
      const signal = AbortSignal.timeout(20_000);
      const ctx = { signal, log: silentLog };
      const op: Operation = {
        ...ctx,
        id: stamp.operation,
        attempt: 1,
        outcomeUnknown: false,
        handles: {},
        remember: async () => {},
      };
      const calls = [
        () => provisioner.list?.(ctx),
        () => provisioner.inventory(ctx),
        () => provisioner.observe(ref, ctx),
        () => provisioner.stop?.(ref, op),
        () => provisioner.destroy(ref, op),
      ];
      for (const call of calls) {
        try {
          await call();
        } catch (error) {
          if (!isProvisionerError(error)) throw error;
        }
      }
      expect(asked.filter((line) => line.startsWith('DELETE /') || /POST .*\/(stop|kill|restart)/.test(line))).toEqual(
        [],
      );
    }),
    { numRuns: 60 },
  );
}, 120_000);
