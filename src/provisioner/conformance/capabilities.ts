import assert from 'node:assert/strict';
import { NotOffered, offered, type Rule } from './bench.ts';
import { made } from './judge.ts';
import { operation } from './operations.ts';

export const capabilityRules: readonly Rule[] = [
  {
    says: 'run the recipe where they say so',
    async check(bench) {
      if (bench.provisioner.capabilities.recipes !== true) throw new NotOffered('recipes');
      const ranRecipe = offered(bench.ranRecipe, 'a look at what the recipe did');
      const order = bench.order({ postProvisionScript: '#!/bin/sh\nexit 0\n' });
      const { externalId } = await bench.provisioner.create(order, operation(order.stamp));
      assert.equal(await ranRecipe(externalId), true, 'the recipe did not run');
    },
  },
  {
    says: 'tell a host key, where they tell one, that is an Ed25519 key without a comment',
    async check(bench) {
      const { instance } = await made(bench);
      if (instance.hostKey === undefined) throw new NotOffered('a host key of a machine');
      assert.match(instance.hostKey, /^ssh-ed25519 [A-Za-z0-9+/]{68}$/);
    },
  },
  {
    says: 'say why where the disk cannot be limited',
    async check({ provisioner }) {
      const { noDiskLimit } = provisioner.capabilities;
      if (noDiskLimit !== undefined) assert.match(noDiskLimit, /\S+ \S+/);
    },
  },
  {
    says: 'name an address for every machine that is to be looked at over SSH',
    async check(bench) {
      if (bench.provisioner.capabilities.readiness !== 'ssh') throw new NotOffered('readiness by SSH');
      const { instance } = await made(bench);
      assert.ok(instance.ssh, 'readiness ssh without an address');
      assert.notEqual(instance.ssh.host, '');
      assert.ok(Number.isInteger(instance.ssh.port) && instance.ssh.port > 0 && instance.ssh.port < 65_536);
      assert.match(instance.ssh.user, /\S/);
    },
  },
];
