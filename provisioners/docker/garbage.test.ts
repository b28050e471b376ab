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
  machineName,
  type Operation,
  type OperationId,
  type OwnedRef,
  type Provisioner,
  Secret,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { dockerPlugin } from './index.ts';
import { stampLabels } from './stamp.ts';
import { tar } from './tar.ts';

const stamp = {
  agent: 'a'.repeat(64) as AgentId,
  contract: 'c'.repeat(64) as ContractId,
  operation: 'f'.repeat(32) as OperationId,
};
const ref: OwnedRef = { stamp, externalId: 'e'.repeat(64) as ExternalId, handles: {} };

let server: Server;
let provisioner: Provisioner;
let answer: { status: number; type: string; body: string } = { status: 200, type: 'application/json', body: '{}' };
/** Given for our machine, when there is one among the garbage. */
let machine: string | undefined;
const asked: string[] = [];

beforeAll(async () => {
  const socketPath = join(tmpdir(), `dc-garbage-${randomUUID()}.sock`);
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    request.on('end', () => {
      const known = /^\/containers\/[^/]+\/json$/.test(request.url ?? '') ? machine : undefined;
      const { status, type, body } = known === undefined ? answer : { ...answer, status: 200, body: known };
      response.writeHead(status, { 'content-type': type }).end(body);
    });
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

/** As the engine shows our running machine. */
const OURS = JSON.stringify({
  Id: ref.externalId,
  Name: `/${machineName(stamp.contract)}`,
  State: { Status: 'running', StartedAt: '2026-01-01T00:00:00.000Z' },
  Config: { Labels: stampLabels(stamp) },
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

const answers = fc.record({
  status: fc.constantFrom(200, 201, 204, 304, 400, 404, 409, 418, 500, 503),
  type: fc.constantFrom('application/json', 'text/plain', 'text/html'),
  body: json,
});

function operation(): Operation {
  return {
    signal: AbortSignal.timeout(20_000),
    log: silentLog,
    id: stamp.operation,
    attempt: 1,
    outcomeUnknown: false,
    handles: {},
    remember: async () => {},
  };
}

test('whatever an engine answers is a result or an error of the one kind, and never a reason to touch a machine', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async (given) => {
      answer = given.status === 204 || given.status === 304 ? { ...given, body: '' } : given;
      asked.length = 0;
      const op = operation();
      const ctx = op;
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

test('whatever an engine answers about the inside of our machine, nothing is taken for done', async () => {
  const script = { content: 'echo hello', environment: {}, limitSeconds: 5 };
  const archive = Buffer.from(tar([{ path: 'exit', mode: 0o600, content: 'well done' }])).toString('latin1');
  const inside = fc.oneof(
    json,
    fc.constant(archive),
    fc.constant(JSON.stringify({ Id: 'd'.repeat(64), Running: false, ExitCode: null })),
    fc.constant(JSON.stringify({ message: 'Could not find the file /x in container y' })),
  );
  machine = OURS;
  await fc.assert(
    fc.asyncProperty(answers, inside, async (given, body) => {
      answer = given.status === 204 || given.status === 304 ? { ...given, body: '' } : { ...given, body };
      const calls = [
        provisioner.setKeys?.(ref, ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA'], operation()),
        provisioner.setPassword?.(ref, new Secret('planted-Secret'), operation()),
        provisioner.runScript?.(ref, script, operation()),
      ];
      for (const result of await Promise.allSettled(calls.map(async (call) => call))) {
        if (result.status === 'fulfilled') throw new Error('taken for done');
        expect(isProvisionerError(result.reason), String(result.reason)).toBe(true);
        expect(`${result.reason} ${JSON.stringify(result.reason)}`).not.toContain('planted');
      }
    }),
    { numRuns: 60 },
  );
}, 120_000);
