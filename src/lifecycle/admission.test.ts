import { describe, expect, it } from 'vitest';
import type { Inventory } from '../provisioner/contract.ts';
import { admit, type Demand } from './admission.ts';

const HOST: Inventory = {
  cpuCores: 4,
  cpuThreads: 8,
  memoryTotalMb: 16_384,
  memoryFreeMb: 8_192,
  storages: [
    { name: 'small', totalGb: 100, freeGb: 20, kind: 'dir' },
    { name: 'large', totalGb: 1_000, freeGb: 100.5, kind: 'dir' },
  ],
  templates: [],
  gpus: [],
};
const SMALL: Demand = { cpuCores: 2, memoryMb: 2_048, storageGb: 10 };

describe('admission', () => {
  it.each<[string, Demand, Inventory, Demand[], number]>([
    ['what fits', SMALL, HOST, [], 1_024],
    ['the last of the memory', { memoryMb: 7_168 }, HOST, [], 1_024],
    ['the last of the disk', { storageGb: 100.5 }, HOST, [], 0],
    ['all cores', { cpuCores: 8 }, HOST, [], 0],
    ['what fits beside the promised', { memoryMb: 3_072, storageGb: 80 }, HOST, [SMALL, SMALL], 1_024],
    ['an order that names no sizes', {}, HOST, [SMALL, SMALL, SMALL], 0],
    ['all there is beside promises that name no sizes', { memoryMb: 8_192, storageGb: 100.5 }, HOST, [{}, {}], 0],
    [
      'anything, where the backend cannot tell its memory',
      { memoryMb: 99_999 },
      { ...HOST, memoryTotalMb: 0, memoryFreeMb: 0 },
      [],
      1_024,
    ],
    ['anything, where the backend cannot tell its cores', { cpuCores: 99 }, { ...HOST, cpuThreads: 0 }, [], 0],
    ['anything, where the backend cannot tell its disks', { storageGb: 99_999 }, { ...HOST, storages: [] }, [], 0],
    ['the last free place', SMALL, { ...HOST, machinesFree: 2 }, [{}], 0],
  ])('takes %s', (_what, demand, inventory, promised, headroom) => {
    expect(admit(demand, inventory, promised, headroom)).toEqual({ fits: true });
  });

  it.each<[string, Demand, Inventory | undefined, Demand[], number, string]>([
    ['before the backend was measured', SMALL, undefined, [], 0, 'the backend has not told its capacity yet'],
    ['without a place', SMALL, { ...HOST, machinesFree: 0 }, [], 0, 'no free port or address for another machine'],
    [
      'when the places are promised',
      SMALL,
      { ...HOST, machinesFree: 2 },
      [{}, {}],
      0,
      'no free port or address for another machine',
    ],
    ['one MiB too much', { memoryMb: 7_169 }, HOST, [], 1_024, 'needs 7169 MiB of memory, 7168 MiB left'],
    [
      'what was promised to others',
      { memoryMb: 4_097 },
      HOST,
      [SMALL, SMALL],
      0,
      'needs 4097 MiB of memory, 4096 MiB left',
    ],
    ['memory when all is promised', SMALL, HOST, [{ memoryMb: 9_000 }], 0, 'needs 2048 MiB of memory, 0 MiB left'],
    ['more cores than there are', { cpuCores: 9 }, HOST, [], 0, 'needs 9 cores, the host has 8'],
    ['more disk than the largest storage has', { storageGb: 101 }, HOST, [], 0, 'needs 101 GiB of disk, 100 GiB left'],
    [
      'too much beside promises that name no sizes',
      { memoryMb: 8_193 },
      HOST,
      [{}],
      0,
      'needs 8193 MiB of memory, 8192 MiB left',
    ],
    [
      'an order that names no sizes when more was promised than there is',
      {},
      HOST,
      [{ memoryMb: 9_000 }],
      0,
      'needs 0 MiB of memory, 0 MiB left',
    ],
    [
      'an order that names no disk when more was promised than there is',
      {},
      HOST,
      [{ storageGb: 500 }],
      0,
      'needs 0 GiB of disk, 0 GiB left',
    ],
    [
      'too much on a host of one thread',
      { cpuCores: 2 },
      { ...HOST, cpuThreads: 1 },
      [],
      0,
      'needs 2 cores, the host has 1',
    ],
    [
      'too much on a host of one MiB',
      { memoryMb: 2 },
      { ...HOST, memoryTotalMb: 1, memoryFreeMb: 1 },
      [],
      0,
      'needs 2 MiB of memory, 1 MiB left',
    ],
    [
      'too much on a host of one storage',
      { storageGb: 21 },
      { ...HOST, storages: HOST.storages.slice(0, 1) },
      [],
      0,
      'needs 21 GiB of disk, 20 GiB left',
    ],
    ['disk that was promised to others', { storageGb: 91 }, HOST, [SMALL], 0, 'needs 91 GiB of disk, 90 GiB left'],
    ['disk when all is promised', SMALL, HOST, [{ storageGb: 500 }], 0, 'needs 10 GiB of disk, 0 GiB left'],
  ])('refuses %s', (_what, demand, inventory, promised, headroom, why) => {
    expect(admit(demand, inventory, promised, headroom)).toEqual({ fits: false, why });
  });
});
