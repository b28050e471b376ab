import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probeSsh } from '../../src/guest/index.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { ORDER } from './caller.ts';
import { createSandboxCore, type SandboxCore } from './core.ts';
import { type Guests, startGuests } from './guests.ts';
import { login, tenantKey } from './ssh-login.ts';
import type { SandboxState } from './state.ts';

const tenant = tenantKey();
let core: SandboxCore;
let guests: Guests;
let problems: string[];

beforeEach(() => open());
afterEach(() => close());

async function open(state?: SandboxState): Promise<void> {
  core = createSandboxCore({
    clock: systemClock,
    random: systemRandom,
    options: { createMs: 0, startMs: 0, bootMs: 0, stopMs: 0, deleteMs: 0, firstSshPort: 'server' },
  });
  if (state) core.restore(state);
  problems = [];
  guests = await startGuests(core, { host: '127.0.0.1', onProblem: (problem) => problems.push(problem) });
}

async function close(): Promise<void> {
  await guests.close();
  core.close();
}

/** A machine that runs, with its port; the port is known a moment after the machine runs. */
async function running(...keys: string[]): Promise<{ id: string; port: number }> {
  const { id } = JSON.parse(core.handle({ method: 'POST', path: '/machines', body: JSON.stringify(ORDER) }).body);
  if (keys.length > 0) authorize(id, keys);
  const known = portOf(id);
  core.handle({ method: 'POST', path: `/machines/${id}/start` });
  return { id, port: await known };
}

function portOf(id: string): Promise<number> {
  return new Promise((resolve) => {
    const cancel = core.onChange((machine) => {
      if (machine.id !== id || machine.sshPort === undefined) return;
      cancel();
      resolve(machine.sshPort);
    });
  });
}

function authorize(id: string, keys: string[]): void {
  core.handle({
    method: 'PUT',
    path: `/machines/${id}/config`,
    body: JSON.stringify({ hostname: 'dc-box', authorized_keys: keys }),
  });
}

const withKey = { privateKey: tenant.private };

describe('the tenant', () => {
  test('logs in with their key and runs commands', async () => {
    const { port } = await running(tenant.public);
    const session = await login(port, withKey);
    expect(await session.run('hostname; whoami')).toEqual({ stdout: 'dc-box\nroot\n', stderr: '', code: 0 });
    expect(await session.run('cat /etc/motd')).toMatchObject({ stdout: expect.stringContaining('simulated machine') });
    expect(await session.run('rm -rf /')).toMatchObject({ code: 127, stderr: expect.stringContaining('simulated') });
    session.end();
  });

  test('gets a shell that says what it is', async () => {
    const { port } = await running(tenant.public);
    const session = await login(port, withKey);
    const output = await new Promise<string>((resolve, reject) => {
      session.client.shell((error, channel) => {
        if (error) return reject(error);
        let text = '';
        channel.on('data', (chunk: Buffer) => (text += chunk.toString()));
        channel.on('close', () => resolve(text));
        channel.write('hostnameX\u007f\rnonsense\u0003exit 0\r');
      });
    });
    expect(output).toContain('This is a simulated machine');
    expect(output).toContain('root@dc-box:~# hostname');
    expect(output).toContain('\r\ndc-box\r\n');
    expect(output).toContain('nonsense^C');
    session.end();
  });

  test.each([
    ['another key', () => ({ privateKey: tenantKey().private })],
    ['a password', () => ({ password: 'root' })],
    ['the key of another user', () => ({ ...withKey, username: 'ubuntu' })],
  ])('is not let in with %s', async (_what, how) => {
    const { port } = await running(tenant.public);
    await expect(login(port, how())).rejects.toThrow('All configured authentication methods failed');
  });

  test('is not let in where no key was set', async () => {
    const { port } = await running();
    await expect(login(port, withKey)).rejects.toThrow('All configured authentication methods failed');
  });

  test('is let in with a new key as soon as it is set, and no longer with the old one', async () => {
    const { id, port } = await running(tenant.public);
    const next = tenantKey();
    authorize(id, [next.public]);
    (await login(port, { privateKey: next.private })).end();
    await expect(login(port, withKey)).rejects.toThrow('authentication methods failed');
  });
});

describe('who only asks', () => {
  const probe = (port: number, sshKey: string) =>
    probeSsh({ host: '127.0.0.1', port, user: 'root', sshKey, timeoutMs: 20_000, signal: AbortSignal.timeout(20_000) });

  test('whether a key would do is told so, without the private half', async () => {
    const { port } = await running(tenant.public);
    expect(await probe(port, tenant.public)).toMatchObject({ state: 'ready' });
    expect(await probe(port, tenantKey().public)).toMatchObject({ state: 'key-refused' });
  });

  test('is not answered before the machine has booted', async () => {
    const { id, port } = await running(tenant.public);
    core.handle({ method: 'POST', path: `/machines/${id}/stop` });
    expect(await probe(port, tenant.public)).toMatchObject({ state: 'not-yet' });
  });
});

describe('the door', () => {
  test('is shut when the machine stops, and opens again with the same port and host key', async () => {
    const { id, port } = await running(tenant.public);
    const session = await login(port, withKey);
    const closed = once(session.client, 'close');
    core.handle({ method: 'POST', path: `/machines/${id}/stop` });
    await closed;
    await expect(login(port, withKey)).rejects.toThrow();
    core.handle({ method: 'POST', path: `/machines/${id}/start` });
    const again = await login(port, withKey);
    expect(again.hostKey).toBe(session.hostKey);
    again.end();
  });

  test('is gone with the machine', async () => {
    const { id, port } = await running(tenant.public);
    core.handle({ method: 'DELETE', path: `/machines/${id}` });
    await expect(login(port, withKey)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('is each machine’s own', async () => {
    const other = tenantKey();
    const mine = await running(tenant.public);
    const theirs = await running(other.public);
    expect(theirs.port).not.toBe(mine.port);
    await expect(login(theirs.port, withKey)).rejects.toThrow('authentication methods failed');
    const [here, there] = [await login(mine.port, withKey), await login(theirs.port, { privateKey: other.private })];
    expect(there.hostKey).not.toBe(here.hostKey);
    here.end();
    there.end();
  });

  test('stands where it stood after the sandbox was started anew', async () => {
    const { port } = await running(tenant.public);
    const before = await login(port, withKey);
    before.end();
    const state = JSON.parse(JSON.stringify(core.snapshot()));
    await close();
    await expect(login(port, withKey)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await open(state);
    const after = await login(port, withKey);
    expect(after.hostKey).toBe(before.hostKey);
    after.end();
  });

  test('that somebody else took meanwhile is said, and the machine is off', async () => {
    const { id, port } = await running(tenant.public);
    const state = core.snapshot();
    await close();
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      await open(state);
      if (core.machines.get(id)?.state === 'running') {
        await new Promise<void>((resolve) => core.onChange(({ state: now }) => now === 'stopped' && resolve()));
      }
      expect(core.machines.get(id)?.state).toBe('stopped');
      expect(problems).toEqual([expect.stringContaining(`machine ${id} was switched off`)]);
    } finally {
      squatter.close();
      await once(squatter, 'close');
    }
  });
});
