import { expect, test } from 'vitest';
import { createVultrCore } from '../../simulators/vultr/core.ts';
import { startVultr } from '../../simulators/vultr/server.ts';
import { type AgentId, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { depsOf, settingsOf } from './fixtures.ts';
import { vultrPlugin } from './index.ts';
import { shareLine } from './share.ts';

test('targets of one endpoint share its pace, whatever their keys, and the last one to go closes the connections', async () => {
  const deps = depsOf(systemClock);
  const [one, same, other] = await Promise.all([
    shareLine(settingsOf(), deps),
    shareLine(settingsOf({ api_key: 'another' }), deps),
    shareLine(settingsOf({ endpoint: 'http://127.0.0.1:9/v2' }), deps),
  ]);
  expect([same.line === one.line, other.line === one.line]).toEqual([true, false]);
  await one.release();
  await one.release();
  const again = await shareLine(settingsOf(), deps);
  expect(again.line).toBe(same.line);
  await same.release();
  await again.release();
  const fresh = await shareLine(settingsOf(), deps);
  expect(fresh.line).not.toBe(again.line);
  await Promise.all([fresh.release(), other.release()]);
});

test('the plugin opens without talking to anybody, and sees each agent’s machines only', async () => {
  const core = createVultrCore({ clock: systemClock, random: systemRandom });
  const server = await startVultr({ core });
  const settings = settingsOf({ endpoint: server.endpoint });
  const deps = depsOf(systemClock);
  const targets = await Promise.all(
    ['a', 'b'].map((letter) => vultrPlugin.open(settings, { ...deps, agent: letter.repeat(64) as AgentId })),
  );
  expect(core.calls.size).toBe(0);
  const context = { signal: new AbortController().signal, log: silentLog };
  for (const target of targets) expect(await target.list?.(context)).toEqual({ complete: true, instances: [] });
  for (const target of targets) await target.close?.();
  await server.close();
  core.close();
});
