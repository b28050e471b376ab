import { describe, expect, test } from 'vitest';
import { officialDocument, WHY_SKIPPED, watchSpec } from '../../simulators/hetzner/watch-spec.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { Secret, silentLog } from '../../src/provisioner/index.ts';
import { AGENT, openTarget } from './fixtures.ts';

const document = officialDocument();

describe.skipIf(document === undefined)(`every request${document ? '' : ` (${WHY_SKIPPED})`}`, () => {
  test.each(['poweroff', 'snapshot'])('of a whole life, pausing by %s, is as Hetzner documents it', async (suspend) => {
    const settings = { suspend, guest_agent: 'present', ipv4: suspend === 'snapshot' ? 'own' : 'none' };
    const { core, provisioner, close } = openTarget({ settings });
    const watch = watchSpec(core, document ?? { paths: {}, components: { schemas: {} } });
    const context = { signal: new AbortController().signal, log: silentLog };
    const order = {
      ...sampleOrder(AGENT),
      hostKey: { privateKey: new Secret('-----BEGIN'), publicKey: 'ssh-ed25519 AAAA' },
    };
    const op = operation(order.stamp);
    const instance = await provisioner.create(order, op);
    const again = operation(order.stamp, { attempt: 2, outcomeUnknown: true, handles: {} });
    await provisioner.create(order, again);
    const ref = { stamp: order.stamp, externalId: instance.externalId, handles: {} };
    await provisioner.check(context);
    await provisioner.list(context);
    await provisioner.newPassword?.(ref, op);
    core.admin.setGuest(Number(instance.externalId), { acpi: false });
    await provisioner.stop(ref, op);
    await provisioner.start(ref, op);
    await provisioner.traffic(context);
    await provisioner.destroy(ref, op);
    expect(watch.requests).toEqual([]);
    expect(watch.answers).toEqual([]);
    const life = ['POST /servers', 'GET /actions', 'POST /servers/{id}/actions/poweroff', 'DELETE /servers/{id}'];
    expect(life.filter((call) => !watch.seen.has(call))).toEqual([]);
    await close();
  });
});
