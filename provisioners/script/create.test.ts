import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/provisioner/index.ts';
import { type Attempt, attempt, Farm, Workbench } from './fixtures.ts';

let bench: Workbench;
let one: Attempt;
beforeEach(() => {
  bench = new Workbench();
  one = attempt();
});
afterEach(() => bench.cleanup());

const made = (more: object = {}): object => ({ success: true, instance: { external_id: 'vm-1', ...more } });
const listed = (more: object = {}): object => ({
  external_id: 'vm-1',
  contract_id: one.order.stamp.contract,
  operation_id: one.order.stamp.operation,
  status: 'running',
  ...more,
});
const list = (...instances: unknown[]): object => ({ success: true, instances });

describe('create', () => {
  test('hands on all that the script tells of the machine', async () => {
    const farm = new Farm(bench, {
      provision: made({
        ip_address: '192.0.2.7',
        ipv6_address: '2001:db8::7',
        ssh_port: 2222,
        root_password: 'hunter22',
        additional_details: { panel: 'https://panel.example/7' },
        unheard_of: [1],
      }),
    });
    const provisioner = await farm.open([], { ssh_user: 'debian' });
    const instance = await provisioner.create(one.order, one.op());
    expect(instance).toEqual({
      externalId: 'vm-1',
      stamp: one.order.stamp,
      power: 'running',
      ipv4: '192.0.2.7',
      ipv6: '2001:db8::7',
      ssh: { host: '192.0.2.7', port: 2222, user: 'debian' },
      rootPassword: expect.anything(),
      additionalDetails: '{"panel":"https://panel.example/7"}',
    });
    expect(instance.rootPassword?.reveal()).toBe('hunter22');
    expect(JSON.stringify([instance, one.ref.handles])).not.toContain('hunter22');
  });

  test('is logged in to as the script says of this one, else as the order does, else as the settings do', async () => {
    const told = async (answer: object, order: Partial<Attempt['order']> = {}) => {
      const provisioner = await new Farm(bench, { provision: made({ ip_address: '192.0.2.7', ...answer }) }).open([], {
        ssh_user: 'debian',
      });
      const { order: whole, op } = attempt(order);
      return (await provisioner.create(whole, op())).ssh?.user;
    };
    expect(await told({ ssh_user: 'ubuntu' })).toBe('ubuntu');
    expect(await told({ ssh_user: '' })).toBe('debian');
    expect(await told({}, { user: 'deploy' })).toBe('deploy');
    await expect(told({ ssh_user: '-oProxyCommand=x' })).rejects.toMatchObject({ kind: 'unknown-outcome' });
  });

  describe('an address that the agent chose', () => {
    const address = { ipv4: '10.77.0.2', prefixLength: 16, gateway: '10.77.0.1' };
    const provision = async (answer: object) => {
      const farm = new Farm(bench, { provision: made(answer) });
      const provisioner = await farm.open([], { static_addresses: true });
      const { order, op } = attempt({ address });
      return { farm, provisioner, instance: await provisioner.create(order, op()) };
    };

    test('is in the order, and the machine has it, on the card that is told', async () => {
      const { farm, provisioner, instance } = await provision({
        ip_address: '10.77.0.2',
        mac_address: '02:00:5E:10:00:01',
      });
      expect(provisioner.capabilities.address).toBe(true);
      expect(farm.orders[0]).toMatchObject({ address: { ipv4: '10.77.0.2', prefix_length: 16, gateway: '10.77.0.1' } });
      expect(instance).toMatchObject({ ipv4: '10.77.0.2', mac: '02:00:5E:10:00:01' });
    });

    test('is no wish: a machine with another one is not handed over', async () => {
      await expect(provision({ ip_address: '10.77.0.9' })).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringContaining('has the address 10.77.0.9 instead of 10.77.0.2'),
      });
    });

    test('goes to the script with what cloud-init is to be told of it, and of the machine', async () => {
      const farm = new Farm(bench, { provision: made({ ip_address: '10.77.0.2', mac_address: '02:00:5E:10:00:02' }) });
      const settings = { static_addresses: true, cloud_init: true, nameservers: ['9.9.9.9'], ssh_user: 'debian' };
      const provisioner = await farm.open([], settings);
      expect(provisioner.capabilities).toMatchObject({
        hostKey: true,
        userData: { maxBytes: 65_536, user: 'debian' },
        networkConfig: { nameservers: ['9.9.9.9'] },
      });
      const network = { mac: '02:00:5e:10:00:02', config: 'version: 2\n' };
      const { order, op } = attempt({ address, network, userData: new Secret('#cloud-config\nx: 1\n') });
      await provisioner.create(order, op());
      expect(farm.orders[0]?.['cloud_init']).toEqual({
        user_data: '#cloud-config\nx: 1\n',
        network_config: 'version: 2\n',
        mac_address: '02:00:5e:10:00:02',
      });
      const strange = attempt({ address, network: { ...network, mac: '02:00:5e:10:00:09' } });
      await expect(provisioner.create(strange.order, strange.op())).rejects.toMatchObject({
        kind: 'config',
        message: expect.stringContaining('has the network card 02:00:5E:10:00:02 instead of 02:00:5e:10:00:09'),
      });
    });

    test('is not promised where the script does not take one', async () => {
      const farm = new Farm(bench, { provision: made({ ip_address: '192.0.2.7' }) });
      const provisioner = await farm.open();
      await provisioner.create(one.order, one.op());
      expect(provisioner.capabilities.address).toBeUndefined();
      expect(farm.orders[0]).toMatchObject({ address: null, cloud_init: null });
    });
  });

  test.each([
    [
      'an IPv6 address alone',
      { ip_address: '2001:db8::7' },
      { ipv6: '2001:db8::7', ssh: { host: '2001:db8::7', port: 22, user: 'root' } },
    ],
    [
      'empty texts for what there is not',
      { ip_address: '', ipv6_address: '', root_password: '', additional_details: '' },
      {},
    ],
    ['details too deep to be shown', { additional_details: 'DEEP' }, {}],
  ])('takes %s', async (_name, more, expected) => {
    const answer = JSON.stringify(made(more)).replace('"DEEP"', '['.repeat(100_000) + ']'.repeat(100_000));
    const provisioner = await new Farm(bench, { provision: answer }).open();
    expect(await provisioner.create(one.order, one.op())).toEqual({
      externalId: 'vm-1',
      stamp: one.order.stamp,
      power: 'running',
      ...expected,
    });
  });

  test('sends the same operation id with every attempt', async () => {
    const farm = new Farm(bench, {});
    const provisioner = await farm.open();
    for (const number of [1, 2, 3]) {
      await expect(provisioner.create(one.order, one.op({ attempt: number }))).rejects.toMatchObject({
        kind: 'unknown-outcome',
      });
    }
    expect(farm.actions).toEqual(['provision', 'provision', 'provision']);
    expect(new Set(farm.orders.map(({ operation_id }) => operation_id))).toEqual(new Set([one.order.stamp.operation]));
  });

  test('does not look at the list before the first attempt', async () => {
    const farm = new Farm(bench, { provision: made(), list: list() });
    await (await farm.open(['list'])).create(one.order, one.op());
    expect(farm.actions).toEqual(['provision']);
  });

  test('refuses a machine that the script says is for another contract', async () => {
    const farm = new Farm(bench, { provision: made({ contract_id: 'f'.repeat(64) }) });
    await expect((await farm.open()).create(one.order, one.op())).rejects.toMatchObject({ kind: 'not-ours' });
  });

  test('waits for the address where a login has to be seen, and asks instead of making another', async () => {
    const farm = new Farm(bench, { provision: made(), get_instance: made() });
    const provisioner = await farm.open([], { ready_check: 'ssh' });
    for (const number of [1, 2]) {
      await expect(provisioner.create(one.order, one.op({ attempt: number }))).rejects.toMatchObject({ kind: 'retry' });
    }
    farm.answer('get_instance', made({ ip_address: '192.0.2.7' }));
    const instance = await provisioner.create(one.order, one.op({ attempt: 3 }));
    expect(instance.ssh).toEqual({ host: '192.0.2.7', port: 22, user: 'root' });
    expect(farm.actions).toEqual(['provision', 'get_instance', 'get_instance']);
  });
});

describe('create after an attempt whose outcome is unknown', () => {
  /** The script ran, and died without a word. */
  async function cutOff(farm: Farm, optional: Parameters<Farm['open']>[0]) {
    const provisioner = await farm.open(optional);
    await expect(provisioner.create(one.order, one.op())).rejects.toMatchObject({ kind: 'unknown-outcome' });
    return provisioner;
  }

  test('asks the list first, and takes what it shows', async () => {
    const farm = new Farm(bench, { list: list(listed()), get_instance: made({ ip_address: '192.0.2.7' }) });
    const provisioner = await cutOff(farm, ['list']);
    const instance = await provisioner.create(one.order, one.op({ attempt: 2 }));
    expect(instance).toMatchObject({ externalId: 'vm-1', power: 'running', ipv4: '192.0.2.7' });
    expect(farm.actions).toEqual(['provision', 'list', 'get_instance']);
    expect(one.ref.handles).toMatchObject({ external_id: 'vm-1' });
  });

  test('makes the machine when a complete list does not show one', async () => {
    const other = { external_id: 'vm-8', contract_id: 'e'.repeat(64), status: 'running' };
    const stranger = { external_id: 'vm-9', contract_id: null, status: 'running' };
    const farm = new Farm(bench, { list: list(other, stranger) });
    const provisioner = await cutOff(farm, ['list']);
    farm.answer('provision', made());
    await provisioner.create(one.order, one.op({ attempt: 2 }));
    expect(farm.actions).toEqual(['provision', 'list', 'list', 'provision']);
  });

  test.each([
    ['fails', { success: false }],
    ['is no list', { success: true }],
    ['is incomplete', { success: true, instances: [], complete: false }],
    ['says nothing clear about its completeness', { success: true, instances: [], complete: 'mostly' }],
    ['has an entry without an id', { success: true, instances: [{ contract_id: null }] }],
    ['has a contract that cannot be read', { success: true, instances: [{ external_id: 'x', contract_id: 'seven' }] }],
    ['has the same machine twice', { success: true, instances: [{ external_id: 'x' }, { external_id: 'x' }] }],
    ['is garbage', '{"success":true,"instances":['],
  ])('makes nothing when the list %s', async (_name, answer) => {
    const farm = new Farm(bench, { list: answer });
    const provisioner = await cutOff(farm, ['list']);
    farm.answer('provision', made());
    await expect(provisioner.create(one.order, one.op({ attempt: 2 }))).rejects.toMatchObject({ kind: 'retry' });
    expect(farm.actions).toEqual(['provision', 'list']);
  });

  test('asks for the machine by its id when at least that was told', async () => {
    const farm = new Farm(bench, { provision: made({ ssh_port: 'twenty-two' }), get_instance: made(), list: list() });
    const provisioner = await cutOff(farm, ['list']);
    expect((await provisioner.create(one.order, one.op({ attempt: 2 }))).externalId).toBe('vm-1');
    expect(farm.actions).toEqual(['provision', 'get_instance']);
  });

  test('lets a script that keeps operation ids finish what it has begun', async () => {
    const farm = new Farm(bench, { list: list(listed()), get_instance: { success: false, error: 'not finished' } });
    const provisioner = await cutOff(farm, ['list']);
    farm.answer('provision', made());
    await provisioner.create(one.order, one.op({ attempt: 2 }));
    expect(farm.actions).toEqual(['provision', 'list', 'get_instance', 'provision']);
  });

  test('does not let another script make a second machine', async () => {
    const unfinished = { success: false, error: 'not finished', retry_possible: true };
    const farm = new Farm(bench, { list: list(listed({ operation_id: undefined })), get_instance: unfinished });
    const provisioner = await cutOff(farm, ['list']);
    farm.answer('provision', made());
    await expect(provisioner.create(one.order, one.op({ attempt: 2 }))).rejects.toMatchObject({ kind: 'retry' });
    expect(farm.actions).toEqual(['provision', 'list', 'get_instance']);
  });

  test('does not take the machine of another operation', async () => {
    const farm = new Farm(bench, { list: list(listed({ operation_id: '0'.repeat(32) })) });
    const provisioner = await cutOff(farm, ['list']);
    farm.answer('provision', made({ external_id: 'vm-2' }));
    expect((await provisioner.create(one.order, one.op({ attempt: 2 }))).externalId).toBe('vm-2');
  });

  test('switches on what it finds switched off', async () => {
    const farm = new Farm(bench, {
      list: list(listed({ status: 'stopped' })),
      get_instance: made(),
      start: { success: true },
    });
    const provisioner = await cutOff(farm, ['list', 'start']);
    expect((await provisioner.create(one.order, one.op({ attempt: 2 }))).power).toBe('running');
    expect(farm.actions).toEqual(['provision', 'list', 'get_instance', 'start', 'get_instance']);
  });

  test('without a list runs provision again, and leaves the rest to the operation id', async () => {
    const farm = new Farm(bench, {});
    const provisioner = await cutOff(farm, []);
    farm.answer('provision', made());
    await provisioner.create(one.order, one.op({ attempt: 2, outcomeUnknown: true }));
    expect(farm.actions).toEqual(['provision', 'provision']);
  });

  test('asks the list also when the agent itself was killed, and with it what it would have remembered', async () => {
    const farm = new Farm(bench, { list: list(listed()), get_instance: made() });
    await (await farm.open(['list'])).create(one.order, one.op({ attempt: 2, outcomeUnknown: true }));
    expect(farm.actions).toEqual(['list', 'get_instance']);
  });
});

describe('create after a failure that the script told', () => {
  test('runs provision again and does not adopt what the failure left', async () => {
    const failed = { success: false, error: 'no disk', retry_possible: true, instance: { external_id: 'vm-1' } };
    const farm = new Farm(bench, { provision: failed, get_instance: made(), list: list(listed()) });
    const provisioner = await farm.open(['list']);
    await expect(provisioner.create(one.order, one.op())).rejects.toMatchObject({ kind: 'retry' });
    farm.answer('provision', made());
    await provisioner.create(one.order, one.op({ attempt: 2 }));
    expect(farm.actions).toEqual(['provision', 'provision']);
  });

  test('remembers the machine that it left, so that destroy finds it', async () => {
    const failed = { success: false, error: 'no disk', retry_possible: false, instance: { external_id: 'vm-1' } };
    const farm = new Farm(bench, { provision: failed, get_instance: made(), terminate: { success: true } });
    const provisioner = await farm.open();
    await expect(provisioner.create(one.order, one.op())).rejects.toMatchObject({ kind: 'permanent' });
    farm.answer('get_instance', { success: true, instance: null });
    await provisioner.destroy(one.ref, one.op());
    expect(farm.orders).toContainEqual({ action: 'terminate', external_id: 'vm-1' });
  });
});

test('a provision that never started leaves nothing to look for', async () => {
  const provisioner = await bench.open({});
  await expect(provisioner.create(one.order, one.op())).rejects.toMatchObject({ kind: 'config' });
  await provisioner.destroy(one.ref, one.op());
  expect(one.ref.handles).toEqual({ attempt: 'unbegun' });
});
