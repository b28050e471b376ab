import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type Ground, prepareGround } from './ground.ts';

describe('test-provision', () => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await prepareGround();
  });
  afterEach(() => ground.close());

  const machines = (): number => ground.sandbox.core.snapshot().machines.length;
  const notes = (): Promise<string[]> => readdir(join(ground.home, 'state', 'test-provision'));

  test('tells what happens as it happens, and the result as JSON', async () => {
    const { code, out, err } = await ground.dc(['test-provision', '--json']);
    expect(code).toBe(EXIT.ok);
    expect(err.split('\n').map((line) => line.replace(/^ *[\d.]+ s {2}/, '').split(' ')[0])).toEqual([
      'making',
      'made:',
      'usable:',
      'removing',
      'removed:',
    ]);
    const result = JSON.parse(out);
    expect(Object.keys(result)).toEqual(['ok', 'finding', 'contract', 'events', 'instance']);
    expect(result).toMatchObject({ ok: true, finding: { level: 'pass', code: 'test-provision' } });
    expect(machines()).toBe(0);
    expect(await notes()).toEqual([]);
  });

  test('a lost answer to create makes no second machine, and leaves none', async () => {
    ground.sandbox.core.faults.add({ call: 'create', fault: { kind: 'drop-after' } });
    expect((await ground.dc(['test-provision'])).code).toBe(EXIT.ok);
    expect(machines()).toBe(0);
  });

  test('a backend without room is said, with the way on', async () => {
    ground.sandbox.core.faults.add({ call: 'create', times: 100, fault: { kind: 'no-capacity' } });
    const { code, out, err } = await ground.dc(['test-provision']);
    expect(code).toBe(EXIT.failed);
    expect(out).toMatch(/^FAIL {2}No usable machine on target sandbox/);
    expect(err).toContain(`next: See dc-agent --config ${join(ground.home, 'a.toml')} doctor`);
    expect(await notes()).toEqual([]);
  });

  test('Ctrl-C removes what was made', async () => {
    const controller = new AbortController();
    const { code } = await ground.dc(['test-provision'], {
      signal: controller.signal,
      err: (line) => {
        if (line.includes('made:')) controller.abort(new Error('interrupted'));
      },
    });
    expect(code).toBe(EXIT.failed);
    expect(machines()).toBe(0);
    expect(await notes()).toEqual([]);
  });

  test('a kept machine stays until --cleanup, which touches nothing else', async () => {
    expect((await ground.dc(['test-provision', '--keep'])).code).toBe(EXIT.usage);
    const foreign = ground.sandbox.core.admin.addForeign();
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfs+6XAzBCZjMTrQlvBUY7fxPpfHXmExbNjzCM4HZZk me';
    expect((await ground.dc(['test-provision', '--keep', `--ssh-pubkey=${key}`])).code).toBe(EXIT.ok);
    expect(machines()).toBe(2);
    const cleaned = await ground.dc(['test-provision', '--cleanup']);
    expect(cleaned).toMatchObject({
      code: EXIT.ok,
      out: expect.stringContaining('the backend confirms that nothing is left'),
    });
    expect(ground.sandbox.core.snapshot().machines.map((machine) => machine.id)).toEqual([foreign]);
    expect(await notes()).toEqual([]);
  });

  test('--cleanup keeps and names a note that it cannot read', async () => {
    await ground.dc(['test-provision']);
    await writeFile(join(ground.home, 'state', 'test-provision', 'broken.json'), '{');
    const { code, err } = await ground.dc(['test-provision', '--cleanup']);
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('broken.json cannot be read; it is kept');
    expect(await notes()).toEqual(['broken.json']);
  });

  test.each([['--target=nowhere'], ['--cpu=none'], ['--memory=-1'], ['--ssh-pubkey=/nonexistent']])(
    '%s is a usage error, and nothing is made',
    async (option) => {
      expect((await ground.dc(['test-provision', option])).code).toBe(EXIT.usage);
      expect(machines()).toBe(0);
    },
  );
});
