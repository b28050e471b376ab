import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DevDo, startDevDo } from '../../simulators/digitalocean/dev.ts';
import { login, tenantKey } from '../../simulators/sandbox/ssh-login.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Instance, type Provisioner, Secret } from '../../src/provisioner/index.ts';
import { AGENT, depsOf, fastClock, settingsOf } from './fixtures.ts';
import { digitaloceanPlugin } from './index.ts';

const SPEED = 500;

describe.skipIf(process.platform !== 'linux')('over real HTTP and SSH (Linux: the whole of 127/8 is ours)', () => {
  let dev: DevDo;
  let provisioner: Provisioner;
  let port: number;

  beforeEach(async () => {
    port = await freePort();
    dev = await startDevDo({ sshPort: port, options: { speed: SPEED } });
    const settings = settingsOf({ endpoint: dev.endpoint, request_timeout_seconds: 600 });
    // The simulator is quick by its own clock; the plugin's must pass as quickly.
    provisioner = await digitaloceanPlugin.open(settings, depsOf(fastClock(SPEED / 5)));
  });
  afterEach(async () => {
    await provisioner.close?.();
    await dev.close();
  });

  async function enter(machine: Instance, privateKey: string) {
    const host = machine.ssh?.host ?? '';
    const isUp = (): boolean => dev.core.guests().some(({ address, ready }) => address === host && ready);
    while (!isUp()) await new Promise((resolve) => setImmediate(resolve));
    return login(port, { host, privateKey });
  }

  test('tenant and agent get in with their keys and meet the ordered host key, nobody else does, and a pause changes neither', async () => {
    const [tenant, agent, stranger, host] = [tenantKey(), tenantKey(), tenantKey(), tenantKey()];
    const order = sampleOrder(AGENT, {
      sshKey: tenant.public,
      agentKey: agent.public,
      hostKey: { privateKey: new Secret(host.private), publicKey: host.public },
    });
    const machine = await provisioner.create(order, operation(order.stamp));
    for (const { private: key } of [tenant, agent]) {
      const door = await enter(machine, key);
      expect(await door.run('hostname')).toMatchObject({ stdout: `${order.name}\n` });
      expect(door.hostKey).toBe(host.public.split(' ')[1]);
      door.end();
    }
    await expect(enter(machine, stranger.private)).rejects.toThrow(/auth/i);

    const ref = { stamp: order.stamp, externalId: machine.externalId, handles: {} };
    await provisioner.stop?.(ref, operation(order.stamp));
    const address = machine.ssh?.host ?? '';
    await expect(login(port, { host: address, privateKey: tenant.private })).rejects.toThrow();
    const back = await provisioner.start?.(ref, operation(order.stamp));
    expect(back?.ssh).toEqual(machine.ssh);
    const door = await enter(machine, tenant.private);
    expect(door.hostKey).toBe(host.public.split(' ')[1]);
    door.end();
    await provisioner.destroy(ref, operation(order.stamp));
    await expect(login(port, { host: address, privateKey: tenant.private })).rejects.toThrow();
  });

  test('two targets with one token share what it may ask for, until the last of them is closed', async () => {
    const settings = settingsOf({ endpoint: dev.endpoint, request_timeout_seconds: 600 });
    const second = await digitaloceanPlugin.open(settings, depsOf(fastClock(SPEED / 5)));
    await second.close?.();
    await second.close?.();
    const order = sampleOrder(AGENT);
    const { power } = await provisioner.create(order, operation(order.stamp));
    expect(power).toBe('running');
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('the probe did not listen'));
      });
    });
  });
}
