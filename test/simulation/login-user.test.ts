import { expect, it } from 'vitest';
import { hetznerBackend } from './hetzner-backend.ts';
import { World } from './world.ts';

/** A contract of an offering whose provisioner_config names this login user, five minutes later. */
async function rented(sshUser: unknown) {
  const world = new World({ seed: 1, backend: hetznerBackend('poweroff') });
  world.backend.serve?.('named');
  const host = world.addHost();
  world.boot(host);
  await world.run(1_000);
  const { admin } = world.platform;
  const offering = admin.offering(world.provider, {
    ...world.offering,
    offering_id: 'named',
    provisioner_config: JSON.stringify({ ssh_user: sshUser }),
  });
  const contract = world.rent({ offering });
  await world.run(5 * 60_000);
  return { world, host, contract };
}

it('the login user of an offering is told to its tenant, also after the machine was off', async () => {
  const { world, host, contract } = await rented('deploy');
  expect(contract.status).toBe('active');
  expect(contract.details).toContain('SSH user: deploy');
  const userOf = () => host.process?.ledger?.records.values().next().value?.instance?.ssh?.user;
  world.backend.powerOff(world.machinesOf(contract.id)[0] ?? '');
  await world.run(10 * 60_000);
  expect(userOf()).toBe('deploy');
  expect(host.process?.agent?.resetPassword(contract.id)).toMatch(/cannot set passwords|for root only/);
});

it('a contract with a login user that is none is left alone, and status says why', async () => {
  const { host, contract, world } = await rented('-oProxyCommand=id');
  expect(world.machinesOf(contract.id)).toEqual([]);
  expect([...(host.process?.agent?.declined.values() ?? [])].join()).toContain('expected the name of a Linux user');
});
