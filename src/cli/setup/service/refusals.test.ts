import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../exit.ts';
import { type Ran, ServiceGround } from './fixtures.ts';

let ground: ServiceGround;
beforeEach(async () => {
  ground = await ServiceGround.prepare();
});
afterEach(() => ground.remove());

describe('before anything is changed it says', () => {
  /** What is said, after a look at the host. */
  async function refusal(options: { groups?: string[] } = {}): Promise<Ran> {
    const result = await ground.install(options);
    expect(await readdir(ground.at('etc'))).toEqual(['dc-agent']);
    expect(await readdir(ground.at('etc/dc-agent'))).toEqual(['dc-agent.toml']);
    return result;
  }

  test('that it needs root', async () => {
    ground.host = { ...ground.host, user: 1000 };
    expect(await refusal()).toMatchObject({ code: EXIT.failed, err: expect.stringContaining('by root only') });
  });

  test('that this host was not started by systemd, and what to do then', async () => {
    await rm(ground.at('run/systemd'), { recursive: true });
    const { code, err } = await refusal();
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('this host was not started by systemd');
    expect(err).toContain('dc-agent run');
  });

  test('what is wrong with the configuration', async () => {
    await ground.configure('"/root/agent.key', 'x');
    expect((await refusal()).code).toBe(EXIT.config);
    await ground.configure(undefined, 'endpoint_url = "x"');
    const { code, err } = await refusal();
    expect(code).toBe(EXIT.config);
    expect(err).toContain('endpoint_url');
  });

  test('that it was started from its sources', async () => {
    ground.host = { ...ground.host, program: join(import.meta.dirname, '../../../main.ts') };
    expect((await refusal()).err).toContain('is not the built program');
  });

  test('that the service could not see the program', async () => {
    ground.host = { ...ground.host, hides: [ground.at('opt')] };
    expect((await refusal()).err).toContain('in a place that the service does not see: the service could not run it');
  });

  test('that the program is closed to other users', async () => {
    await chmod(ground.at('opt/dc-agent'), 0o750);
    expect((await refusal()).err).toContain('/opt/dc-agent is closed to other users: the service could not run it');
  });

  test('that the unit is not in the package', async () => {
    await rm(ground.at('opt/dc-agent/systemd'), { recursive: true });
    expect((await refusal()).err).toContain('dc-agent setup service --files <directory>');
  });

  test('that there is no such group', async () => {
    ground.answers.set('getent group dokcer', { code: 2 });
    expect((await refusal({ groups: ['dokcer'] })).err).toContain('there is no group dokcer on this host');
  });

  test('that the state directory is hidden from it', async () => {
    await ground.configure(undefined, `[agent]\nstate_dir = "${ground.root}/root/state"`);
    expect((await refusal()).err).toContain(
      'the state directory /root/state is in a place that the service does not see',
    );
  });
});
