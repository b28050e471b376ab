import { describe, expect, it } from 'vitest';
import type { BackendOptions } from './backend.ts';
import type { FirstBoot, StoryRecipe } from './recipes.ts';
import { sandboxWithCloudInit } from './sandbox-backend.ts';
import { World } from './world.ts';

type Scripts = Parameters<typeof sandboxWithCloudInit>[0];

const SCRIPT: StoryRecipe = { name: 'good', script: '#!/bin/sh\n# sandbox: seconds=3\n', settings: {} };

/** A contract on a target whose machines have this cloud-init, until it was handed over. */
async function handedOver(scripts: Scripts, firstBoot: FirstBoot, more: { recipe?: StoryRecipe; crashes?: true } = {}) {
  const backend = (...[clock, random, options]: [World['time'], World['random'], BackendOptions]) =>
    sandboxWithCloudInit(scripts, firstBoot)(clock, random, options);
  const world = new World({ seed: 1, backend });
  const host = world.addHost();
  world.boot(host);
  await world.run(1_000);
  const contract = world.rent(more.recipe === undefined ? {} : { offering: world.offeringWith(more.recipe) });
  const began = world.time.monotonic();
  if (more.crashes) {
    await world.run(30_000);
    host.process?.kill();
  }
  await world.run(15 * 60_000, () => contract.status === 'active');
  const seconds = Math.round((world.time.monotonic() - began) / 1000);
  const { additional_details: told } = JSON.parse(contract.details ?? '{}') as { additional_details?: string };
  const history = [...(host.process?.ledger?.records.values() ?? [])].flatMap((record) => record.history);
  const notes = history.flatMap(({ event }) => (event.type === 'done' && event.note !== undefined ? [event.note] : []));
  return { world, contract, seconds, told: told ?? '', notes };
}

describe('a machine is handed over when its first boot has ended', () => {
  it('at once where that is so', async () => {
    const quick = await handedOver('backend', { ms: 0, ends: 'done' });
    expect(quick.contract.status).toBe('active');
    expect(quick.told).not.toContain('cloud-init');
    expect(quick.seconds).toBeLessThan(30);
  });

  it('and not before', async () => {
    const slow = await handedOver('backend', { ms: 60_000, ends: 'done' });
    expect(slow.contract.status).toBe('active');
    expect(slow.told).not.toContain('cloud-init');
    expect(slow.seconds).toBeGreaterThan(60);
  });

  it('with what went wrong, which its tenant and the operator are told', async () => {
    const { told, contract, notes } = await handedOver('backend', { ms: 2_000, ends: 'failed' });
    expect(contract.status).toBe('active');
    expect(told).toContain('cloud-init ended with errors: cloud-init status --long');
    expect(told).not.toContain('it was told to fail');
    expect(notes).toContain('cloud-init ended with errors: modules-final: it was told to fail');
  });

  it('after a crash of the agent too', async () => {
    const slow = await handedOver('backend', { ms: 60_000, ends: 'done' }, { crashes: true });
    expect(slow.contract.status).toBe('active');
    expect(slow.seconds).toBeGreaterThan(60);
    expect(slow.world.machinesOf(slow.contract.id)).toHaveLength(1);
  });

  it('or after two minutes, with a word for its tenant', async () => {
    const { told, seconds } = await handedOver('backend', { ms: 3_600_000, ends: 'done' });
    expect(told).toContain('cloud-init was still at work at hand-over: cloud-init status --wait');
    expect(seconds).toBeGreaterThan(120);
    expect(seconds).toBeLessThan(180);
  });

  it('before a script is run in it, by whichever way', async () => {
    for (const scripts of ['backend', 'ssh'] as const) {
      const slow = await handedOver(scripts, { ms: 60_000, ends: 'failed' }, { recipe: SCRIPT });
      expect(slow.contract.status).toBe('active');
      expect(slow.seconds).toBeGreaterThan(63);
      expect(slow.told).toContain('cloud-init ended with errors');
      expect(slow.told).toContain('The deployment ended well');
    }
  });

  it('or as soon as a login is possible where only its tenant can look, who is told so', async () => {
    const { told, seconds } = await handedOver('ssh', { ms: 60_000, ends: 'done' });
    expect(told).toContain('cloud-init may still be at work: cloud-init status --wait');
    expect(seconds).toBeLessThan(30);
  });
});
