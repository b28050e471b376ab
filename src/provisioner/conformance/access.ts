import assert from 'node:assert/strict';
import { Secret } from '../../ports/secret.ts';
import type { Operation, OwnedRef, Provisioner } from '../contract.ts';
import { method, NotOffered, offered, type Rule } from './bench.ts';
import { everyText, holds, made, powerOf, refused } from './judge.ts';
import { freshOperation, OTHER_KEY, operation, refOf, SAMPLE_KEY } from './operations.ts';

type Act = (ref: OwnedRef, op: Operation) => Promise<unknown>;

/** What gives a tenant another way in. */
const ACTS: Readonly<Record<string, (provisioner: Provisioner) => Act>> = {
  setKeys: (provisioner) => {
    const setKeys = method(provisioner, 'setKeys');
    return (ref, op) => setKeys(ref, [OTHER_KEY], op);
  },
  setPassword: (provisioner) => {
    const setPassword = method(provisioner, 'setPassword');
    return (ref, op) => setPassword(ref, new Secret(freshPassword()), op);
  },
  newPassword: (provisioner) => method(provisioner, 'newPassword'),
};

const USER = /^[a-z_][a-z0-9_-]{0,31}$/;

export const accessRules: readonly Rule[] = [
  {
    says: 'setKeys lets exactly the given keys in, and may be repeated',
    async check(bench) {
      const setKeys = method(bench.provisioner, 'setKeys');
      const keysOf = offered(bench.keys, 'a look at the keys of a machine');
      const { order, instance } = await made(bench);
      for (const keys of [[SAMPLE_KEY, OTHER_KEY], [OTHER_KEY], [OTHER_KEY]]) {
        await setKeys(refOf(instance), keys, operation(order.stamp));
        assert.deepEqual([...(await keysOf(instance.externalId))].sort(), [...keys].sort());
      }
      assert.equal(await powerOf(bench, instance), 'running');
      await holds(bench, order, 1);
    },
  },
  {
    says: 'setPassword sets exactly the given one, says for whom, and may be repeated',
    async check(bench) {
      const setPassword = method(bench.provisioner, 'setPassword');
      const opens = offered(bench.passwordOpens, 'trying a password');
      const { order, instance } = await made(bench);
      const password = freshPassword();
      for (const attempt of [1, 2]) {
        const { user } = await setPassword(refOf(instance), new Secret(password), operation(order.stamp, { attempt }));
        assert.match(user, USER);
        assert.equal(await opens(instance.externalId, password), true, 'the password does not open the machine');
      }
      assert.equal(await powerOf(bench, instance), 'running');
      await holds(bench, order, 1);
    },
  },
  {
    says: 'newPassword tells the one that opens the machine from then on, and for whom',
    async check(bench) {
      const newPassword = method(bench.provisioner, 'newPassword');
      const opens = offered(bench.passwordOpens, 'trying a password');
      const { order, instance } = await made(bench);
      for (const attempt of [1, 2]) {
        const { user, password } = await newPassword(refOf(instance), operation(order.stamp, { attempt }));
        assert.match(user, USER);
        assert.equal(
          await opens(instance.externalId, password.reveal()),
          true,
          'the password does not open the machine',
        );
      }
      assert.equal(await powerOf(bench, instance), 'running');
      await holds(bench, order, 1);
    },
  },
  ...Object.entries(ACTS).map(([name, act]) => refusesGone(name, act)),
  {
    says: 'the password shows in none of the errors, and its failure is one',
    async check(bench) {
      const setPassword = method(bench.provisioner, 'setPassword');
      const troubles = [bench.faults?.failing, bench.faults?.unreachable].filter((trouble) => trouble !== undefined);
      if (troubles.length === 0) throw new NotOffered('a backend in trouble');
      const { order, instance } = await made(bench);
      for (const trouble of troubles) {
        const password = freshPassword();
        const restore = await trouble();
        const call = setPassword(refOf(instance), new Secret(password), operation(order.stamp));
        const [outcome] = await Promise.allSettled([call]);
        await restore();
        assert.equal(outcome.status, 'rejected', 'the call should have been refused');
        if (outcome.status === 'rejected') {
          assert.equal(everyText(outcome.reason).includes(password), false, 'the password shows in an error');
        }
      }
    },
  },
];

function refusesGone(name: string, act: (provisioner: Provisioner) => Act): Rule {
  return {
    says: `${name} does not pretend to have done it when the machine is gone`,
    async check(bench) {
      const run = act(bench.provisioner);
      const { order, instance } = await made(bench);
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await refused(run(refOf(instance), operation(order.stamp)));
      await holds(bench, order, 0);
    },
  };
}

/** Letters and digits, as the agent makes them. */
function freshPassword(): string {
  return `Pw${freshOperation()}`;
}
