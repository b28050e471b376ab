import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DevHetzner, startDevHetzner } from '../../simulators/hetzner/dev.ts';
import { login, tenantKey } from '../../simulators/sandbox/ssh-login.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Instance, type Provisioner, Secret } from '../../src/provisioner/index.ts';
import { AGENT, depsOf, fastClock, settingsOf } from './fixtures.ts';
import { hetznerPlugin } from './index.ts';

const SPEED = 500;

describe.skipIf(process.platform !== 'linux')('over real HTTP and SSH (Linux: the whole of 127/8 is ours)', () => {
  let dev: DevHetzner;
  let provisioner: Provisioner;
  let port: number;

  beforeEach(async () => {
    port = await freePort();
    dev = await startDevHetzner({ sshPort: port, options: { speed: SPEED } });
    const settings = settingsOf({ endpoint: dev.endpoint, suspend: 'snapshot', request_timeout_seconds: 600 });
    // The simulator is quick by its own clock; the plugin's must pass as quickly.
    provisioner = await hetznerPlugin.open(settings, depsOf(fastClock(SPEED / 5)));
  });
  afterEach(async () => {
    await provisioner.close?.();
    await dev.close();
  });

  async function enter(machine: Instance, privateKey: string) {
    const host = machine.ssh?.host ?? '';
    while (dev.core.guestAt(host)?.ready !== true) await new Promise((resolve) => setImmediate(resolve));
    return login(port, { host, privateKey });
  }

  test('the tenant gets in with their key, meets the ordered host key, and finds both again after a suspension', async () => {
    const [tenant, stranger, host] = [tenantKey(), tenantKey(), tenantKey()];
    const order = {
      ...sampleOrder(AGENT, { sshKey: tenant.public }),
      hostKey: { privateKey: new Secret(host.private), publicKey: host.public },
    };
    const machine = await provisioner.create(order, operation(order.stamp));
    const first = await enter(machine, tenant.private);
    expect(await first.run('hostname')).toMatchObject({ stdout: `${order.name}\n` });
    expect(first.hostKey).toBe(host.public.split(' ')[1]);
    first.end();
    await expect(enter(machine, stranger.private)).rejects.toThrow(/auth/i);

    const ref = { stamp: order.stamp, externalId: machine.externalId, handles: {} };
    await provisioner.stop?.(ref, operation(order.stamp));
    expect(dev.core.project.servers.size).toBe(0);
    const back = await provisioner.start?.(ref, operation(order.stamp));
    expect(back?.ssh).toEqual(machine.ssh);
    const second = await enter(machine, tenant.private);
    expect(second.hostKey).toBe(first.hostKey);
    second.end();
    await provisioner.destroy(ref, operation(order.stamp));
    await expect(login(port, { host: machine.ssh?.host ?? '', privateKey: tenant.private })).rejects.toThrow();
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
