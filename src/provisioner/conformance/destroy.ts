import assert from 'node:assert/strict';
import { method, NotOffered, offered, type Rule } from './bench.ts';
import { holds, made, refused, settled } from './judge.ts';
import { context, operation, refOf, stampOnly } from './operations.ts';

export const destroyRules: readonly Rule[] = [
  {
    says: 'removes the machine, and may be repeated',
    async check(bench) {
      const { order, instance } = await made(bench);
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await holds(bench, order, 0);
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp, { attempt: 2 }));
      assert.deepEqual(await bench.provisioner.observe(refOf(instance), context()), { state: 'absent' });
    },
  },
  {
    says: 'finds the machine by its stamp when the external id was never learnt',
    async check(bench) {
      if (bench.searchable === false) throw new NotOffered('a search by stamp');
      const { order } = await made(bench);
      await holds(bench, order, 1);
      await bench.provisioner.destroy(stampOnly(order), operation(order.stamp));
      await holds(bench, order, 0);
    },
  },
  {
    says: 'finds the machine although one list was empty by mistake',
    async check(bench) {
      const lie = offered(bench.faults?.emptyList, 'an empty list that claims to be complete');
      const { order } = await made(bench);
      await lie();
      await bench.provisioner.destroy(stampOnly(order), operation(order.stamp));
      await holds(bench, order, 0);
    },
  },
  {
    says: 'is content when nothing was ever made',
    async check(bench) {
      const order = bench.order();
      await bench.provisioner.destroy(stampOnly(order), operation(order.stamp));
    },
  },
  {
    says: 'removes a machine that is off',
    async check(bench) {
      const stop = method(bench.provisioner, 'stop');
      const { order, instance } = await made(bench);
      await stop(refOf(instance), operation(order.stamp));
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await holds(bench, order, 0);
    },
  },
  {
    says: 'removes every machine with the stamp, where a late request made a second one',
    async check(bench) {
      const duplicate = offered(bench.faults?.duplicate, 'two machines with one stamp');
      const { order, instance } = await made(bench);
      await duplicate(instance.externalId);
      await holds(bench, order, 2);
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await holds(bench, order, 0);
    },
  },
  {
    says: 'leaves the machines of other contracts alone',
    async check(bench) {
      const one = await made(bench);
      const other = await made(bench);
      await bench.provisioner.destroy(refOf(one.instance), operation(one.order.stamp));
      await holds(bench, other.order, 1);
    },
  },
  {
    says: 'is done only when the machine is gone, whatever the backend accepted',
    async check(bench) {
      const ignore = offered(bench.faults?.ignoreDestroy, 'an accepted deletion that does not happen');
      const { order, instance } = await made(bench);
      await ignore();
      const outcome = await bench.provisioner.destroy(refOf(instance), operation(order.stamp)).then(
        () => 'done' as const,
        () => 'refused' as const,
      );
      if (outcome === 'done') await holds(bench, order, 0);
      else await holds(bench, order, 1);
    },
  },
  {
    says: 'does not call a machine gone because the backend answers with errors',
    async check(bench) {
      const fail = offered(bench.faults?.failing, 'a backend that answers with errors');
      const { order, instance } = await made(bench);
      const restore = await fail();
      for (const ref of [refOf(instance), stampOnly(order)]) {
        await refused(bench.provisioner.destroy(ref, operation(order.stamp)));
      }
      await restore();
      await holds(bench, order, 1);
    },
  },
];

export const twinRules: readonly Rule[] = [
  {
    says: 'removes exactly the second machine of a stamp, and may be repeated',
    async check(bench) {
      const removeTwin = method(bench.provisioner, 'removeTwin');
      const duplicate = offered(bench.faults?.duplicate, 'two machines with one stamp');
      const { order, instance } = await made(bench);
      const twin = await duplicate(instance.externalId);
      for (const attempt of [1, 2]) await removeTwin(twin, refOf(instance), operation(order.stamp, { attempt }));
      await holds(bench, order, 1);
      const seen = await bench.provisioner.observe(refOf(instance), context());
      assert.equal(seen.state, 'present', 'the machine to be kept is gone');
    },
  },
  {
    says: 'refuses to remove the machine that is to be kept',
    async check(bench) {
      const removeTwin = method(bench.provisioner, 'removeTwin');
      const { order, instance } = await made(bench);
      await refused(removeTwin(instance.externalId, refOf(instance), operation(order.stamp)));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'refuses to remove the machine of another contract',
    async check(bench) {
      const removeTwin = method(bench.provisioner, 'removeTwin');
      const keep = await made(bench);
      const other = await made(bench);
      const op = operation(keep.order.stamp);
      await refused(removeTwin(other.instance.externalId, refOf(keep.instance), op), ['not-ours']);
      await holds(bench, other.order, 1);
    },
  },
  {
    says: 'refuses to remove a stranger',
    async check(bench) {
      const removeTwin = method(bench.provisioner, 'removeTwin');
      const { add, exists } = offered(bench.foreign, 'machines of strangers');
      const { order, instance } = await made(bench);
      const stranger = await add({});
      await settled(removeTwin(stranger, refOf(instance), operation(order.stamp)));
      assert.equal(await exists(stranger), true);
    },
  },
];
