import { describe, expect, it } from 'vitest';
import { sampleSettings } from './fixtures.ts';
import { missingRights, neededRights } from './rights.ts';

function missing(
  granted: Record<string, string[]>,
  major: number,
  more: Record<string, unknown> = { pool: 'dc' },
): string[] {
  const permissions = new Map(Object.entries(granted).map(([path, list]) => [path, new Set(list)]));
  return neededRights(sampleSettings(more), major, ['local']).flatMap((need) => missingRights(permissions, need));
}

const MACHINES = [
  'VM.Allocate',
  'VM.Audit',
  'VM.Clone',
  'VM.Config.CPU',
  'VM.Config.Cloudinit',
  'VM.Config.Disk',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.PowerMgmt',
];
const STORAGE = ['Datastore.AllocateSpace', 'Datastore.Audit'];
const AGENT = [
  'VM.GuestAgent.Audit',
  'VM.GuestAgent.FileRead',
  'VM.GuestAgent.FileWrite',
  'VM.GuestAgent.Unrestricted',
];

describe('the rights of the token', () => {
  it('are enough by version, each with its own names', () => {
    const common = { '/storage/local': STORAGE, '/sdn/zones/localnetwork': ['SDN.Use'], '/nodes/pve': ['Sys.Audit'] };
    expect(missing({ ...common, '/pool/dc': [...MACHINES, ...AGENT] }, 9)).toEqual([]);
    expect(missing({ ...common, '/pool/dc': [...MACHINES, 'VM.Monitor'] }, 8)).toEqual([]);
    expect(missing({ ...common, '/pool/dc': [...MACHINES, 'VM.Monitor'] }, 9)).toEqual(AGENT);
    const { '/sdn/zones/localnetwork': _, ...old } = common;
    expect(missing({ ...old, '/pool/dc': [...MACHINES, 'VM.Monitor'] }, 7)).toEqual([]);
  });

  it('are handed down from the paths above', () => {
    expect(missing({ '/': [...MACHINES, ...AGENT, ...STORAGE, 'SDN.Use', 'Sys.Audit'] }, 9)).toEqual([]);
    expect(
      missing(
        { '/vms': [...MACHINES, ...AGENT], '/storage': STORAGE, '/sdn': ['SDN.Use'], '/nodes': ['Sys.Audit'] },
        9,
        {},
      ),
    ).toEqual([]);
  });

  it('are all missing from a token without any', () => {
    expect(missing({}, 9)).toHaveLength(MACHINES.length + AGENT.length + STORAGE.length + 2);
  });
});
