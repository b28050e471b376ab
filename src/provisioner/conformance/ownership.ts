import assert from 'node:assert/strict';
import { Secret } from '../../ports/secret.ts';
import type { Operation, OwnedRef, Provisioner } from '../contract.ts';
import { method, NotOffered, offered, type Rule } from './bench.ts';
import { holds, made, refused, sight } from './judge.ts';
import { freshOperation, OTHER_KEY, operation, refOf } from './operations.ts';

type Act = (ref: OwnedRef, op: Operation) => Promise<unknown>;

/** Everything that changes a machine which exists, by what it does. */
const ACTS: Readonly<Record<string, (provisioner: Provisioner) => Act>> = {
  destroy: (provisioner) => method(provisioner, 'destroy'),
  stop: (provisioner) => method(provisioner, 'stop'),
  start: (provisioner) => method(provisioner, 'start'),
  'set the keys of': (provisioner) => {
    const setKeys = method(provisioner, 'setKeys');
    return (ref, op) => setKeys(ref, [OTHER_KEY], op);
  },
  'set the password of': (provisioner) => {
    const setPassword = method(provisioner, 'setPassword');
    return (ref, op) => setPassword(ref, new Secret(freshOperation()), op);
  },
  'have a new password made for': (provisioner) => method(provisioner, 'newPassword'),
};

export const ownershipRules: readonly Rule[] = [
  ...Object.entries(ACTS).map(([verb, act]) => refusesStranger(verb, act)),
  ...Object.entries(ACTS).map(([verb, act]) => refusesOtherContract(verb, act)),
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

function refusesStranger(verb: string, act: (provisioner: Provisioner) => Act): Rule {
  return {
    says: `refuses to ${verb} a stranger that has our external id`,
    async check(bench) {
      const giveAway = offered(bench.faults?.giveIdToStranger, 'giving an id to a stranger');
      const { exists } = offered(bench.foreign, 'machines of strangers');
      const run = act(bench.provisioner);
      const { order, instance } = await made(bench);
      await giveAway(instance.externalId);
      await refused(run(refOf(instance), operation(order.stamp)), ['not-ours']);
      assert.equal(await exists(instance.externalId), true);
      assert.notEqual(await sight(bench, refOf(instance)), 'present');
    },
  };
}

function refusesOtherContract(verb: string, act: (provisioner: Provisioner) => Act): Rule {
  return {
    says: `refuses to ${verb} a machine that carries another contract's stamp`,
    async check(bench) {
      const run = act(bench.provisioner);
      const { order, instance } = await made(bench);
      const { stamp } = bench.order();
      await refused(run({ ...refOf(instance), stamp }, operation(stamp)), ['not-ours']);
      await holds(bench, order, 1);
    },
  };
}
