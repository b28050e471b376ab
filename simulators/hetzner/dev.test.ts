import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { hetznerPlugin } from '../../provisioners/hetzner/index.ts';
import { type AgentId, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { startDevHetzner } from './dev.ts';

test('the lines that it prints make it a target in which doctor finds nothing wrong', async () => {
  const dev = await startDevHetzner({});
  const { targets } = parse(dev.configuration) as { targets: { type: string; hetzner: object }[] };
  expect(targets.map(({ type }) => type)).toEqual(['hetzner']);
  const deps = { agent: 'a'.repeat(64) as AgentId, target: 'hcloud', clock: systemClock, random: systemRandom };
  const target = await hetznerPlugin.open(hetznerPlugin.settings.parse(targets[0]?.hetzner), {
    ...deps,
    log: silentLog,
  });
  const findings = await target.check({ signal: new AbortController().signal, log: silentLog });
  expect(findings.filter(({ level }) => level !== 'pass')).toEqual([]);
  await target.close?.();
  await dev.close();
});
