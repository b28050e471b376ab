import { expect, test } from 'vitest';
import { createHetznerCore } from '../../simulators/hetzner/core.ts';
import { startHetzner } from '../../simulators/hetzner/server.ts';
import { type AgentId, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { depsOf, settingsOf } from './fixtures.ts';
import { hetznerPlugin } from './index.ts';
import { shareProject } from './share.ts';

test('targets with one token share its requests, and the last one to go closes the connections', async () => {
  const deps = depsOf(systemClock);
  const [one, same, other] = await Promise.all([
    shareProject(settingsOf(), deps),
    shareProject(settingsOf({ max_servers: 3 }), deps),
    shareProject(settingsOf({ token: 'x'.repeat(64) }), deps),
  ]);
  expect(same.project).toBe(one.project);
  expect(other.project).not.toBe(one.project);
  await one.release();
  await one.release();
  const again = await shareProject(settingsOf(), deps);
  expect(again.project).toBe(same.project);
  await same.release();
  await again.release();
  const fresh = await shareProject(settingsOf(), deps);
  expect(fresh.project).not.toBe(again.project);
  await Promise.all([fresh.release(), other.release()]);
});

test('the plugin opens without talking to anybody, and sees each agent’s machines only', async () => {
  const core = createHetznerCore({ clock: systemClock, random: systemRandom });
  const server = await startHetzner({ core });
  const settings = settingsOf({ endpoint: server.endpoint });
  const deps = depsOf(systemClock);
  const targets = await Promise.all(
    ['a', 'b'].map((letter) => hetznerPlugin.open(settings, { ...deps, agent: letter.repeat(64) as AgentId })),
  );
  expect(core.calls.size).toBe(0);
  const context = { signal: new AbortController().signal, log: silentLog };
  for (const target of targets) expect(await target.list?.(context)).toEqual({ complete: true, instances: [] });
  for (const target of targets) await target.close?.();
  await server.close();
  core.close();
});
