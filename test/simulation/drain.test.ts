import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

const MINUTE = 60_000;

describe('an agent that was told to take nothing new', () => {
  it('keeps to it when it is started again, until it is told to go on', async () => {
    const world = new World({ seed: 11, latencyMs: 20 });
    const host = world.addHost();
    world.boot(host);
    const before = world.rent({ hours: 48 });
    await world.run(5 * MINUTE, () => before.status === 'active');

    const told = host.process?.agent?.drain();
    await world.run(1_000);
    await told;
    host.process?.kill();
    world.boot(host);
    const after = world.rent({ hours: 48 });
    await world.run(10 * MINUTE);
    expect(host.process?.agent?.phase).toBe('drained');
    expect(world.machinesOf(after.id)).toEqual([]);
    expect(world.machinesOf(before.id)).toHaveLength(1);

    const released = host.process?.agent?.resume();
    await world.run(5 * MINUTE, () => after.status === 'active');
    await released;
    host.process?.kill();
    world.boot(host);
    const last = world.rent({ hours: 48 });
    await world.run(5 * MINUTE, () => last.status === 'active');
    expect([after.status, last.status]).toEqual(['active', 'active']);
  });

  it('takes nothing though the disk refuses to keep the word, and says so', async () => {
    const world = new World({ seed: 12, latencyMs: 20 });
    const host = world.addHost();
    world.boot(host);
    await world.run(MINUTE);

    host.disk.failure = new Error('ENOSPC: no space left on device');
    const told = refusal(host.process?.agent?.drain());
    await world.run(1_000);
    expect(await told).toContain('ENOSPC');
    host.disk.failure = undefined;
    const contract = world.rent({ hours: 48 });
    await world.run(10 * MINUTE);
    expect(world.machinesOf(contract.id)).toEqual([]);
  });

  it('stays so when the disk refuses to forget the word: a restart must not undo what was answered', async () => {
    const world = new World({ seed: 13, latencyMs: 20 });
    const host = world.addHost();
    world.boot(host);
    await world.run(MINUTE);
    const told = host.process?.agent?.drain();
    await world.run(1_000);
    await told;

    host.disk.failure = new Error('EROFS: read-only file system');
    const released = refusal(host.process?.agent?.resume());
    await world.run(1_000);
    expect(await released).toContain('EROFS');
    expect(host.process?.agent?.phase).toBe('drained');
  });
});

async function refusal(call: Promise<void> | undefined): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    return String(error);
  }
}
