import assert from 'node:assert/strict';
import { method, offered, type Rule } from './bench.ts';
import { assertStamp, made } from './judge.ts';
import { context, operation, refOf } from './operations.ts';

export const listRules: readonly Rule[] = [
  {
    says: 'shows our machines in every power state, and nobody else’s',
    async check(bench) {
      const list = method(bench.provisioner, 'list');
      const running = await made(bench);
      const off = await made(bench);
      const { stop } = bench.provisioner;
      if (stop) await stop.call(bench.provisioner, refOf(off.instance), operation(off.order.stamp));
      const stranger = await bench.foreign?.add({});
      const { complete, instances } = await list(context());
      assert.equal(complete, true);
      const power = new Map(instances.map((instance) => [instance.externalId, instance.power]));
      assert.equal(power.get(running.instance.externalId), 'running');
      assert.equal(power.get(off.instance.externalId), stop ? 'stopped' : 'running');
      if (stranger !== undefined) assert.equal(power.has(stranger), false);
      const shown = instances.find(({ externalId }) => externalId === running.instance.externalId);
      assertStamp(bench, shown?.stamp, running.order.stamp);
    },
  },
  {
    says: 'says that it is incomplete when part of the backend could not be read',
    async check(bench) {
      const list = method(bench.provisioner, 'list');
      const cut = offered(bench.faults?.partialList, 'a partial list');
      await made(bench);
      await cut();
      assert.equal((await list(context())).complete, false);
    },
  },
];
