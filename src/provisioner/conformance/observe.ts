import assert from 'node:assert/strict';
import { offered, type Rule } from './bench.ts';
import { assertStamp, holds, made, sight } from './judge.ts';
import { context, refOf, stampOnly } from './operations.ts';

export const observeRules: readonly Rule[] = [
  {
    says: 'sees a machine by its external id and by its stamp alone',
    async check(bench) {
      const { order, instance } = await made(bench);
      const byStamp = bench.searchable === false ? [] : [stampOnly(order)];
      for (const ref of [refOf(instance), ...byStamp]) {
        const seen = await bench.provisioner.observe(ref, context());
        assert.equal(seen.state, 'present');
        if (seen.state !== 'present') return;
        assert.equal(seen.instance.externalId, instance.externalId);
        assertStamp(bench, seen.instance.stamp, order.stamp);
      }
    },
  },
  {
    says: 'says absent when the machine was removed behind our back',
    async check(bench) {
      const lose = offered(bench.faults?.loseMachine, 'a machine vanishing');
      const { instance } = await made(bench);
      await lose(instance.externalId);
      assert.deepEqual(await bench.provisioner.observe(refOf(instance), context()), { state: 'absent' });
    },
  },
  {
    says: 'never says absent because the backend does not answer',
    async check(bench) {
      const silence = offered(bench.faults?.unreachable, 'an unreachable backend');
      const { order, instance } = await made(bench);
      const restore = await silence();
      for (const ref of [refOf(instance), stampOnly(order)]) assert.notEqual(await sight(bench, ref), 'absent');
      await restore();
      await holds(bench, order, 1);
    },
  },
  {
    says: 'never says absent because the backend answers with errors',
    async check(bench) {
      const fail = offered(bench.faults?.failing, 'a backend that answers with errors');
      const { order, instance } = await made(bench);
      const restore = await fail();
      for (const ref of [refOf(instance), stampOnly(order)]) assert.notEqual(await sight(bench, ref), 'absent');
      await restore();
      await holds(bench, order, 1);
    },
  },
  {
    says: 'never says absent because one list left the machine out',
    async check(bench) {
      const { emptyList, partialList } = bench.faults ?? {};
      const lies = [emptyList, partialList].filter((lie) => lie !== undefined);
      offered(lies[0], 'a list that leaves machines out');
      const { order } = await made(bench);
      for (const lie of lies) {
        await lie();
        assert.notEqual(await sight(bench, stampOnly(order)), 'absent');
      }
    },
  },
];
