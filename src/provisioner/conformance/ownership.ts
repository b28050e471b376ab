import assert from 'node:assert/strict';
import { method, NotOffered, offered, type Rule } from './bench.ts';
import { holds, made, refused, sight } from './judge.ts';
import { freshOperation, operation, refOf } from './operations.ts';

const VERBS = ['destroy', 'stop', 'start'] as const;

export const ownershipRules: readonly Rule[] = [
  ...VERBS.map(refusesStranger),
  ...VERBS.map(refusesOtherContract),
  {
    says: 'refuses to destroy the machine of another operation of the same contract',
    async check(bench) {
      if (bench.stampHoldsOperation === false) throw new NotOffered('an operation id in the stamp');
      const { order, instance } = await made(bench);
      const stamp = { ...order.stamp, operation: freshOperation() };
      await refused(bench.provisioner.destroy({ ...refOf(instance), stamp }, operation(stamp)), ['not-ours']);
      await holds(bench, order, 1);
    },
  },
];

function refusesStranger(verb: (typeof VERBS)[number]): Rule {
  return {
    says: `refuses to ${verb} a stranger that has our external id`,
    async check(bench) {
      const giveAway = offered(bench.faults?.giveIdToStranger, 'giving an id to a stranger');
      const { exists } = offered(bench.foreign, 'machines of strangers');
      const run = method(bench.provisioner, verb);
      const { order, instance } = await made(bench);
      await giveAway(instance.externalId);
      await refused(run(refOf(instance), operation(order.stamp)), ['not-ours']);
      assert.equal(await exists(instance.externalId), true);
      assert.notEqual(await sight(bench, refOf(instance)), 'present');
    },
  };
}

function refusesOtherContract(verb: (typeof VERBS)[number]): Rule {
  return {
    says: `refuses to ${verb} a machine that carries another contract's stamp`,
    async check(bench) {
      const run = method(bench.provisioner, verb);
      const { order, instance } = await made(bench);
      const { stamp } = bench.order();
      await refused(run({ ...refOf(instance), stamp }, operation(stamp)), ['not-ours']);
      await holds(bench, order, 1);
    },
  };
}
