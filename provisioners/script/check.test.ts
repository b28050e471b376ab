import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, Farm, Workbench } from './fixtures.ts';
import { scriptSettings } from './schema.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.cleanup());

async function findings(farm: Farm, optional: Parameters<Farm['open']>[0], more: object = {}) {
  const found = await (await farm.open(optional, { ...more })).check(call());
  return Object.fromEntries(found.map(({ code, level }) => [code, level]));
}

describe('check', () => {
  test('says what is not supported because there is no script for it', async () => {
    expect(await findings(new Farm(bench, {}), [])).toEqual({
      'script.provision.executable': 'pass',
      'script.terminate.executable': 'pass',
      'script.health-check.executable': 'pass',
      'script.list.absent': 'warn',
      'script.start.absent': 'skip',
      'script.stop.absent': 'skip',
    });
  });

  test('warns of machines that could ask nobody for names', async () => {
    const farm = new Farm(bench, {});
    const fixed = { static_addresses: true, cloud_init: true };
    expect(await findings(farm, [], fixed)).toMatchObject({ 'script.nameservers.none': 'warn' });
    for (const more of [{ nameservers: ['9.9.9.9'] }, { cloud_init: false }])
      expect(await findings(farm, [], { ...fixed, ...more })).not.toHaveProperty('script.nameservers.none');
  });

  test('runs the list and nothing else', async () => {
    const farm = new Farm(bench, { list: { success: true, instances: [] } });
    expect(await findings(farm, ['list', 'start', 'stop'])).toMatchObject({ 'script.list.works': 'pass' });
    expect(farm.actions).toEqual(['list']);
  });

  test('tells a broken list from one that does not show all', async () => {
    const broken = new Farm(bench, { list: 'Traceback' });
    expect(await findings(broken, ['list'])).toMatchObject({ 'script.list.broken': 'fail' });
    broken.answer('list', { success: true, instances: [{}] });
    expect(await findings(broken, ['list'])).toMatchObject({ 'script.list.incomplete': 'warn' });
  });

  test.each([
    ['missing', () => '/nonexistent/script', 'script.stop.missing'],
    ['a directory', () => bench.directory, 'script.stop.not-a-file'],
    ['not executable', () => bench.script('', 0o644), 'script.stop.not-executable'],
  ])('fails when a script is %s, and gives a remedy', async (_name, stop, code) => {
    const provisioner = await new Farm(bench, {}).open([], { stop: stop() });
    expect(await provisioner.check(call())).toContainEqual(
      expect.objectContaining({ level: 'fail', code, remedy: expect.any(String) }),
    );
  });

  test('warns of a script that others can change', async () => {
    const farm = new Farm(bench, {});
    chmodSync(farm.executable, 0o777);
    expect(await findings(farm, [])).toMatchObject({ 'script.provision.writable': 'warn' });
  });
});

describe('inventory', () => {
  test('claims nothing, because the protocol has no question for it', async () => {
    const provisioner = await new Farm(bench, {}).open();
    expect(await provisioner.inventory(call())).toMatchObject({ memoryTotalMb: 0, cpuThreads: 0, storages: [] });
  });

  test('refuses while a required script cannot be run, so that no contract is taken', async () => {
    const farm = new Farm(bench, {});
    const provisioner = await farm.open([], { terminate: bench.path('gone') });
    await expect(provisioner.inventory(call())).rejects.toMatchObject({
      kind: 'config',
      message: expect.stringContaining(bench.path('gone')),
    });
  });
});

describe('settings', () => {
  const required = { provision: '/p', terminate: '/t', health_check: '/h' };

  test('need three paths; the rest has defaults', () => {
    expect(scriptSettings.parse(required)).toEqual({
      ...required,
      timeout_seconds: 300,
      ready_check: 'backend',
      ssh_user: 'root',
      static_addresses: false,
      cloud_init: false,
      nameservers: [],
      forward_env: [],
    });
  });

  test.each([
    ['a missing script', { stop: '/s', provision: '/p' }],
    ['a relative path', { ...required, list: 'list.sh' }],
    ['a number in quotes', { ...required, timeout_seconds: '300' }],
    ['no time at all', { ...required, timeout_seconds: 0 }],
    ['an unknown key', { ...required, healthcheck: '/h' }],
    ['a path with a NUL', { ...required, start: '/a\0b' }],
    ['an option as a user', { ...required, ssh_user: '-oProxyCommand=x' }],
    ['a value in place of a variable', { ...required, forward_env: ['A=b'] }],
  ])('refuse %s', (_name, settings) => {
    expect(scriptSettings.safeParse(settings).success).toBe(false);
  });
});
