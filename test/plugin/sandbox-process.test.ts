import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sandboxPlugin, sandboxSettings } from '../../provisioners/sandbox/index.ts';
import { login, tenantKey } from '../../simulators/sandbox/ssh-login.ts';
import { probeSsh, waitUntilReady } from '../../src/guest/index.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { type Built, buildProgram, type Process, start } from '../cli/built.ts';
import { AGENT } from './sandbox-bench.ts';

const deps = { agent: AGENT, target: 'sandbox', clock: systemClock, random: systemRandom, log: silentLog };
const context = { signal: new AbortController().signal, log: silentLog };
const tenant = tenantKey();

describe('the sandbox as a process of its own', () => {
  let built: Built;
  let directory: string;
  const processes: Process[] = [];

  beforeAll(async () => {
    built = await buildProgram();
    directory = await mkdtemp(join(tmpdir(), 'dc-sandbox-'));
  });
  afterEach(async () => {
    for (const process of processes.splice(0)) {
      process.signal('SIGKILL');
      await process.ended;
    }
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
    await built.remove();
  });

  const places = () => {
    const name = randomUUID().slice(0, 8);
    return { socket: join(directory, `${name}.sock`), state: join(directory, `${name}.json`) };
  };

  async function begin({ socket, state }: { socket: string; state: string }): Promise<Process> {
    const process = start(built.file, ['dev', 'sandbox', '--socket', socket, '--state', state, '--json']);
    processes.push(process);
    await process.says(/"socketPath"/);
    return process;
  }

  const plugin = (socket: string) => sandboxPlugin.open(sandboxSettings.parse({ socket_path: socket }), deps);

  /** As the agent waits: until the tenant's key is accepted. */
  async function ready(port: number): Promise<void> {
    const target = { host: '127.0.0.1', port, user: 'root', sshKey: tenant.public, timeoutMs: 10_000 };
    const probe = (signal: AbortSignal) => probeSsh({ ...target, signal });
    const { signal } = context;
    const found = await waitUntilReady({ probe, clock: systemClock, random: systemRandom, deadlineMs: 30_000, signal });
    expect(found.state).toBe('ready');
  }

  test('keeps its machines when it is killed and started again', async () => {
    const at = places();
    const first = await begin(at);
    const order = sampleOrder(AGENT, { sshKey: tenant.public });
    const before = await plugin(at.socket);
    const made = await before.create(order, operation(order.stamp));
    await ready(made.ssh?.port ?? 0);
    const session = await login(made.ssh?.port ?? 0, { privateKey: tenant.private });
    expect(await session.run('hostname')).toMatchObject({ stdout: `${order.name}\n`, code: 0 });
    await before.close?.();
    first.signal('SIGKILL');
    await first.ended;

    await begin(at);
    const after = await plugin(at.socket);
    const ref = { stamp: order.stamp, externalId: made.externalId, handles: {} };
    const seen = await after.observe(ref, context);
    expect(seen).toMatchObject({ state: 'present', instance: { power: 'running', ssh: made.ssh, stamp: order.stamp } });
    const again = await login(made.ssh?.port ?? 0, { privateKey: tenant.private });
    expect(again.hostKey).toBe(session.hostKey);
    again.end();
    await after.destroy(ref, operation(order.stamp));
    expect(await after.observe(ref, context)).toEqual({ state: 'absent' });
    await after.close?.();
  });

  test('ends on SIGTERM, and leaves its machines in the file', async () => {
    const at = places();
    const process = await begin(at);
    const order = sampleOrder(AGENT);
    const sandbox = await plugin(at.socket);
    const { externalId } = await sandbox.create(order, operation(order.stamp));
    await sandbox.close?.();
    process.signal('SIGTERM');
    expect(await process.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(at.socket)).toBe(false);
    const { machines } = JSON.parse(await readFile(at.state, 'utf8'));
    expect(machines).toMatchObject([{ id: externalId, state: 'running' }]);
  });

  test('does not start on a state file that it cannot read, and leaves the file', async () => {
    const at = places();
    await writeFile(at.state, 'not JSON');
    const process = start(built.file, ['dev', 'sandbox', '--socket', at.socket, '--state', at.state]);
    const { code } = await process.ended;
    expect(code).not.toBe(0);
    expect(process.err()).toContain('move it away to start empty');
    expect(await readFile(at.state, 'utf8')).toBe('not JSON');
  });

  test('prints the lines that make it a target', async () => {
    const at = places();
    const process = await begin(at);
    const { configuration } = JSON.parse(process.out());
    const { provisioner } = parse(configuration) as { provisioner: { type: string; sandbox: object } };
    expect(provisioner.type).toBe(sandboxPlugin.type);
    expect(sandboxSettings.parse(provisioner.sandbox).socket_path).toBe(at.socket);
  });
});
