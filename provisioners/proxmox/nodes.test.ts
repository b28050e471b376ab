import { describe, expect, it } from 'vitest';
import { type ErrorKind, isProvisionerError } from '../../src/provisioner/index.ts';
import { sampleSettings } from './fixtures.ts';
import { chooseNode, type Need, type Option } from './nodes.ts';
import type { Reservation } from './reservations.ts';
import { GIB, memoryRoom, storageRoom } from './room.ts';
import { nodeStatus, vmRow } from './wire.ts';
import { nodeStorage } from './wire-storage.ts';

const settings = sampleSettings({ reserve_memory_mb: 1024, reserve_storage_gb: 10 });

function status(totalGb: number, usedGb = 1, cpus = 8) {
  return nodeStatus.parse({
    cpuinfo: { cpus },
    memory: { total: totalGb * GIB, used: usedGb * GIB, free: (totalGb - usedGb) * GIB },
  });
}

function disk(availGb: number, more: Record<string, unknown> = {}) {
  return nodeStorage.parse({
    storage: 'local',
    type: 'dir',
    content: 'images',
    active: 1,
    enabled: 1,
    avail: availGb * GIB,
    ...more,
  });
}

function option(node: string, more: Partial<Option> = {}): Option {
  return {
    template: { node, vmid: 9000 },
    node,
    how: 'linked',
    storage: 'local',
    storages: [disk(100)],
    status: status(16),
    ...more,
  };
}

const guest = (vmid: number, node: string, memoryGb: number, state = 'stopped') =>
  vmRow.parse({ type: 'qemu', vmid, node, status: state, maxmem: memoryGb * GIB });

const promise = (vmid: number, node: string, memoryGb: number, storageGb = 0): Reservation => ({
  vmid,
  node,
  memoryBytes: memoryGb * GIB,
  storage: 'local',
  storageBytes: storageGb * GIB,
});

const need: Need = { cores: 2, memoryMb: 2048, diskBytes: 10 * GIB };

function refusal(options: readonly Option[], wanted: Partial<Need> = {}): ErrorKind | undefined {
  try {
    chooseNode(options, { ...need, ...wanted }, [], [], settings);
    return undefined;
  } catch (error) {
    if (isProvisionerError(error)) return error.kind;
    throw error;
  }
}

describe('the choice of a node', () => {
  it('takes the one with most memory left', () => {
    const options = [
      option('a', { status: status(16) }),
      option('b', { status: status(32) }),
      option('c', { status: status(24) }),
    ];
    expect(chooseNode(options, need, [], [], settings).node).toBe('b');
    expect(chooseNode(options, need, [guest(100_001, 'b', 20)], [], settings).node).toBe('c');
    expect(chooseNode(options, need, [], [promise(100_001, 'b', 20)], settings).node).toBe('c');
  });

  it('waits for room when there is none now, and refuses what can never fit', () => {
    expect(refusal([option('a', { status: status(16, 15) })])).toBe('capacity');
    expect(refusal([option('a', { storages: [disk(15)] })])).toBe('capacity');
    expect(refusal([option('a')], { memoryMb: 16 * 1024 })).toBe('permanent');
    expect(refusal([option('a')], { cores: 9 })).toBe('permanent');
    expect(
      refusal([option('a', { status: status(16, 15) }), option('b', { status: status(2) })], { memoryMb: 8192 }),
    ).toBe('capacity');
  });

  it('tells the operator what is wrong with a storage or the list of nodes', () => {
    expect(refusal([])).toBe('config');
    expect(refusal([option('a', { storages: [] })])).toBe('config');
    expect(refusal([option('a', { storages: [disk(100, { content: 'iso' })] })])).toBe('config');
    expect(refusal([option('a', { storages: [disk(100, { active: 0 })] })])).toBe('capacity');
  });

  it('leaves the decision to the host where the token may not see the node', () => {
    expect(chooseNode([option('a', { status: 'unseen' })], { ...need, cores: 500 }, [], [], settings).node).toBe('a');
    expect(refusal([option('a', { status: 'unseen', storages: [disk(12)] })])).toBe('capacity');
  });
});

describe('the room that is left', () => {
  it('counts machines of ours in full though they are off, those of others only while they run, templates never', () => {
    const rows = [
      guest(100_001, 'a', 2),
      guest(500, 'a', 4, 'running'),
      guest(501, 'a', 8),
      guest(100_002, 'b', 8),
      { ...guest(9000, 'a', 2), template: true },
      vmRow.parse({ type: 'lxc', vmid: 700, node: 'a', status: 'running', maxmem: GIB }),
    ];
    expect(memoryRoom('a', status(16), rows, [], settings) / GIB).toBe(16 - 1 - 2 - 4 - 1);
  });

  it('is never more than what is free in truth, and counts a promise once', () => {
    expect(memoryRoom('a', status(16, 14), [], [], settings) / GIB).toBe(2);
    const rows = [guest(100_001, 'a', 2)];
    expect(memoryRoom('a', status(16), rows, [promise(100_001, 'a', 4)], settings) / GIB).toBe(16 - 1 - 4);
  });

  it('of a storage is shared by all nodes only where the storage is', () => {
    const promises = [promise(1, 'a', 0, 20), promise(2, 'b', 0, 30)];
    expect(storageRoom('a', disk(100), promises, settings) / GIB).toBe(100 - 10 - 20);
    expect(storageRoom('a', disk(100, { shared: 1 }), promises, settings) / GIB).toBe(100 - 10 - 50);
    expect(storageRoom('a', disk(5), [], settings)).toBe(0);
  });
});
