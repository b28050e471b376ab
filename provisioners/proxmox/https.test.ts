import { afterEach, describe, expect, it } from 'vitest';
import { playground } from '../../simulators/proxmox/playground.ts';
import { startProxmox } from '../../simulators/proxmox/server.ts';
import { context } from '../../src/provisioner/conformance/operations.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { AGENT, QUICK, settingsOf } from './fixtures.ts';
import { proxmoxPlugin } from './index.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function openTarget(settings: (fingerprint: string) => Record<string, unknown>) {
  const ground = playground({ clock: systemClock, random: systemRandom, timings: QUICK });
  const server = await startProxmox({ core: ground.core });
  const provisioner = await proxmoxPlugin.open(
    settingsOf(ground, { api_url: server.url, ...settings(server.fingerprint) }),
    {
      agent: AGENT,
      target: 'proxmox',
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    },
  );
  closing.push(
    () => ground.core.close(),
    () => server.close(),
    async () => provisioner.close?.(),
  );
  return { ground, server, provisioner };
}

describe('over real TLS', () => {
  it('a machine is made, listed, stopped, started and removed', async () => {
    const { provisioner, ground } = await openTarget((fingerprint) => ({ fingerprint }));
    const order = sampleOrder(AGENT, { storageGb: 4 });
    const instance = await provisioner.create(order, operation(order.stamp));
    const ref = { stamp: order.stamp, externalId: instance.externalId, handles: {} };
    expect(await provisioner.list?.(context())).toMatchObject({
      complete: true,
      instances: [{ externalId: instance.externalId }],
    });
    await provisioner.stop?.(ref, operation(order.stamp));
    expect(await provisioner.start?.(ref, operation(order.stamp))).toMatchObject({ ssh: instance.ssh });
    await provisioner.destroy(ref, operation(order.stamp));
    expect(ground.core.cluster.guests.size).toBe(1);
  });

  it('nothing is sent to a host whose certificate is not the pinned one, and doctor says so', async () => {
    const { provisioner, ground } = await openTarget(() => ({ fingerprint: 'ab'.repeat(32) }));
    const order = sampleOrder(AGENT);
    await expect(provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({
      kind: 'config',
      message: /fingerprint/,
    });
    expect(await provisioner.check(context())).toContainEqual(
      expect.objectContaining({ code: 'proxmox.tls.untrusted', level: 'fail' }),
    );
    expect(ground.core.calls).toEqual([]);
  });

  it('an old file with verify_ssl = false still works', async () => {
    const { provisioner } = await openTarget(() => ({ verify_ssl: false }));
    expect((await provisioner.list?.(context()))?.complete).toBe(true);
  });
});
