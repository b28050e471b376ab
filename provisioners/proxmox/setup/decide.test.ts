import { describe, expect, test } from 'vitest';
import type { PveNodeStorage } from '../wire-storage.ts';
import { decide, type Wishes } from './decide.ts';
import { IMAGE } from './fixtures.ts';
import type { ClusterSurvey, NodeSurvey } from './survey.ts';

const GIB = 2 ** 30;
const storage = (name: string, type: string, content: string, avail = 100): PveNodeStorage => ({
  storage: name,
  type,
  content: new Set(content.split(',')),
  enabled: true,
  active: true,
  shared: false,
  total: 200 * GIB,
  used: GIB,
  avail: avail * GIB,
});

const cluster = (text: string): ClusterSurvey => {
  const [major = 0, minor = 0] = text.split('.').map(Number);
  const version = { text, major, minor };
  return { version, nodes: [], roles: [], users: [], acl: [], pools: [], guests: [] };
};
const bridge = (iface: string) => ({
  iface,
  type: 'bridge',
  active: true,
  cidr: undefined,
  gateway: undefined,
  bridge_vlan_aware: false,
});
const node = (storages: PveNodeStorage[], bridges = ['vmbr0']): NodeSurvey => ({
  node: 'pve',
  storages,
  bridges: bridges.map(bridge),
});
const wishes = (more: Partial<Wishes> = {}): Wishes => ({ images: [IMAGE], agent: 'image', address: 'dhcp', ...more });

const LOCAL = storage('local', 'dir', 'iso,vztmpl,backup');
const THIN = storage('local-lvm', 'lvmthin', 'images,rootdir', 50);

describe('what is left open is chosen:', () => {
  test('disks go where clones are cheap, however much room a thick LVM has; images go where files are', () => {
    const here = node([storage('thick', 'lvm', 'images', 900), storage('nas', 'nfs', 'images', 500), THIN, LOCAL]);
    expect(decide(cluster('9.1.7'), here, wishes())).toMatchObject({ storage: 'local-lvm', imageStorage: 'local' });
  });

  test('of several alike the one with most room; of storages of files the one that holds images already', () => {
    const here = node([
      storage('small', 'zfspool', 'images', 10),
      storage('big', 'zfspool', 'images', 90),
      LOCAL,
      storage('nas', 'nfs', 'import', 5),
    ]);
    expect(decide(cluster('9.1.7'), here, wishes())).toMatchObject({ storage: 'big', imageStorage: 'nas' });
  });

  test('the installer’s bridge, wherever it stands in the list', () => {
    expect(decide(cluster('9.1.7'), node([THIN, LOCAL], ['lan', 'vmbr0', 'vmbr1']), wishes()).bridge).toBe('vmbr0');
  });

  test('nothing that is switched off', () => {
    const here = node([{ ...THIN, active: false }, storage('spare', 'lvm', 'images'), LOCAL]);
    expect(decide(cluster('9.1.7'), here, wishes()).storage).toBe('spare');
  });

  test('snippets only where they are needed', () => {
    expect(decide(cluster('9.1.7'), node([THIN, LOCAL]), wishes()).snippetStorage).toBeUndefined();
    expect(decide(cluster('9.1.7'), node([THIN, LOCAL]), wishes({ agent: 'first-boot' })).snippetStorage).toBe('local');
  });
});

describe('it is refused, with what there is instead,', () => {
  test.each<[why: string, version: string, here: NodeSurvey, wish: Partial<Wishes>, text: string]>([
    [
      'when a storage does not exist',
      '9.1.7',
      node([THIN, LOCAL]),
      { storage: 'locla-lvm' },
      "called 'locla-lvm'; there is: local-lvm",
    ],
    ['when no storage holds disks', '9.1.7', node([LOCAL]), {}, 'has no storage for disks that is active'],
    [
      'when a bridge does not exist',
      '9.1.7',
      node([THIN, LOCAL]),
      { bridge: 'vmbr7' },
      "called 'vmbr7'; there is: vmbr0",
    ],
    [
      'when images cannot be imported yet',
      '8.3.5',
      node([THIN, LOCAL]),
      {},
      'came with 8.4. Upgrade, or make a template by hand',
    ],
    [
      'when nobody could tell an address',
      '9.1.7',
      node([THIN, LOCAL]),
      { agent: 'none' },
      'Give a range with --addresses',
    ],
    ['when there is no place for files', '9.1.7', node([THIN]), {}, 'no storage of files for images'],
  ])('%s', (_why, version, here, wish, text) => {
    expect(() => decide(cluster(version), here, wishes(wish))).toThrow(text);
  });
});

test('with a template of the operator’s own an old version will do, and nothing is downloaded', () => {
  const choices = decide(cluster('7.4-17'), node([THIN]), wishes({ template: 9000, agent: 'none' }));
  expect(choices).toMatchObject({ storage: 'local-lvm', bridge: 'vmbr0' });
  expect(choices.imageStorage).toBeUndefined();
});
