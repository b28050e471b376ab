import { describe, expect, test } from 'vitest';
import { hetznerPlugin } from '../../../provisioners/hetzner/index.ts';
import { createHetznerCore } from '../../../simulators/hetzner/core.ts';
import { SIMULATOR_TOKEN } from '../../../simulators/hetzner/options.ts';
import { startHetzner } from '../../../simulators/hetzner/server.ts';
import { officialDocument, WHY_SKIPPED, watchSpec } from '../../../simulators/hetzner/watch-spec.ts';
import { context, operation, refOf, sampleOrder } from '../../../src/provisioner/conformance/operations.ts';
import { type AgentId, type OwnedRef, silentLog, systemClock, systemRandom } from '../../../src/provisioner/index.ts';

const document = officialDocument();
const agent = 'a'.repeat(64) as AgentId;

describe.skipIf(!document)(`our own plugin${document ? '' : ` (${WHY_SKIPPED})`}`, () => {
  test('asks for nothing that the provider does not document, in a server’s whole life', async () => {
    const core = createHetznerCore({ clock: systemClock, random: systemRandom, options: { speed: 100 } });
    const watch = watchSpec(core, document ?? { paths: {}, components: { schemas: {} } });
    const server = await startHetzner({ core });
    const settings = hetznerPlugin.settings.parse({
      token: SIMULATOR_TOKEN,
      endpoint: server.endpoint,
      offerings: ['1'],
      server_types: ['cx23'],
      locations: ['fsn1'],
      image: 'debian-13',
    });
    const deps = { agent, target: 'hetzner', clock: systemClock, random: systemRandom, log: silentLog };
    const plugin = await hetznerPlugin.open(settings, deps);
    try {
      await plugin.check(context());
      await plugin.inventory(context());
      const order = sampleOrder(agent);
      const op = operation(order.stamp);
      const instance = await plugin.create(order, op);
      const ref: OwnedRef = { ...refOf(instance), handles: op.handles };
      expect(await plugin.observe(ref, context())).toMatchObject({ state: 'present' });
      await plugin.list?.(context());
      await plugin.traffic?.(context());
      await plugin.stop?.(ref, operation(order.stamp));
      await plugin.start?.(ref, operation(order.stamp));
      await plugin.destroy(ref, operation(order.stamp));
      expect(core.project.servers.size).toBe(0);
    } finally {
      await plugin.close?.();
      await server.close();
      core.close();
    }
    expect(watch.requests).toEqual([]);
    expect(watch.answers).toEqual([]);
    expect(watch.seen).toContain('POST /servers');
  });
});
