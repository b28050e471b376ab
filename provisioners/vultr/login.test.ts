import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { login, tenantKey } from '../../simulators/sandbox/ssh-login.ts';
import { startDevVultr } from '../../simulators/vultr/dev.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { Secret } from '../../src/provisioner/index.ts';
import { AGENT, depsOf, fastClock, settingsOf } from './fixtures.ts';
import { vultrPlugin } from './index.ts';

const SPEED = 500;

test.skipIf(process.platform !== 'linux')(
  'over real HTTP and SSH the tenant gets in with their key and meets the ordered host key (Linux: all of 127/8 is ours)',
  async () => {
    const port = await freePort();
    const dev = await startDevVultr({ sshPort: port, options: { speed: SPEED } });
    const settings = settingsOf({ endpoint: dev.endpoint, request_timeout_seconds: 600 });
    // The simulator is quick by its own clock; the plugin's must pass as quickly.
    const provisioner = await vultrPlugin.open(settings, depsOf(fastClock(SPEED / 5)));
    try {
      const [tenant, stranger, host] = [tenantKey(), tenantKey(), tenantKey()];
      const hostKey = { privateKey: new Secret(host.private), publicKey: host.public };
      const order = sampleOrder(AGENT, { sshKey: tenant.public, hostKey });
      const { ssh, externalId } = await provisioner.create(order, operation(order.stamp));
      const address = ssh?.host ?? '';
      while (dev.core.guestAt(address)?.ready !== true) await new Promise((resolve) => setImmediate(resolve));
      const entered = await login(port, { host: address, privateKey: tenant.private });
      expect(await entered.run('hostname')).toMatchObject({ stdout: `${order.name}\n` });
      expect(entered.hostKey).toBe(host.public.split(' ')[1]);
      entered.end();
      await expect(login(port, { host: address, privateKey: stranger.private })).rejects.toThrow(/auth/i);
      const password = dev.core.account.instances.get(externalId)?.password ?? '';
      await expect(login(port, { host: address, password })).rejects.toThrow(/auth/i);
      await provisioner.destroy({ stamp: order.stamp, externalId, handles: {} }, operation(order.stamp));
      await expect(login(port, { host: address, privateKey: tenant.private })).rejects.toThrow();
    } finally {
      await provisioner.close?.();
      await dev.close();
    }
  },
);

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
