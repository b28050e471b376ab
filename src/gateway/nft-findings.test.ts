import { expect, test } from 'vitest';
import { foreignFindings, helperFindings, hostFindings } from './nft-findings.ts';
import { SETTINGS } from './nft-fixtures.ts';
import type { HostFacts } from './nft-host.ts';
import { type NetworkSettings, settingsText } from './plan-settings.ts';

const settings: NetworkSettings = { ...SETTINGS, tenantInterfaces: ['vmbr1'] };
const facts: HostFacts = {
  forwarding: true,
  forwarding6: false,
  addresses: ['203.0.113.1', '10.77.0.1'],
  missingInterfaces: [],
  notBridges: [],
  uplinks: [],
  foreignUse: [],
};

test('a host that is as it should be passes', () => {
  expect(hostFindings(settings, facts).map(({ level }) => level)).toEqual(['pass']);
});

test.each<[string, Partial<HostFacts>, Partial<NetworkSettings>]>([
  ['fail gateway.forwarding.off', { forwarding: false }, {}],
  ['fail gateway.forwarding6.off', {}, { tenantNetworkV6: '2001:db8::/64' }],
  ['fail gateway.address.absent', { addresses: ['10.77.0.1'] }, {}],
  ['warn gateway.address.gateway', { addresses: ['203.0.113.1'] }, {}],
  ['fail gateway.interface.missing', { missingInterfaces: ['vmbr1'] }, {}],
  ['warn gateway.interface.no-bridge', { notBridges: ['vmbr1'] }, {}],
  ['fail gateway.interface.uplink', { uplinks: [{ bridge: 'vmbr1', port: 'eno1' }] }, {}],
  ['fail gateway.network.overlap', { foreignUse: [{ name: 'eth0', address: '10.77.3.4' }] }, {}],
  ['warn gateway.interface.unnamed', {}, { tenantInterfaces: [] }],
])('%s, with what to do', (expected, changedFacts, changedSettings) => {
  const findings = hostFindings({ ...settings, ...changedSettings }, { ...facts, ...changedFacts });
  expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual([expected]);
  expect(findings[0]?.remedy).toBeDefined();
});

const about = { version: '1', nft: '1.0.6', bridge: 'names' as const, settings: settingsText(settings) };

test.each<[string, Partial<typeof about> | { bridge: 'none' | 'addresses' }]>([
  ['pass gateway.helper', {}],
  ['pass gateway.helper', { nft: '1.1.3' }],
  ['warn gateway.nft.old', { nft: '0.9.8' }],
  ['fail gateway.helper.settings', { settings: '{}' }],
  ['fail gateway.kernel.bridge', { bridge: 'none' }],
  ['warn gateway.kernel.bridge', { bridge: 'addresses' }],
])('of the helper: %s', (expected, change) => {
  expect(helperFindings(settings, { ...about, ...change }).map(({ level, code }) => `${level} ${code}`)).toEqual([
    expected,
  ]);
});

test('a chain of others that drops what it does not know is named, with the way through it', () => {
  const [docker, other] = foreignFindings(settings, {
    forwardDrops: ['ip filter FORWARD', 'inet firewalld filter_FORWARD'],
    tables: [],
  });
  expect(docker?.remedy).toContain('iptables -I DOCKER-USER -i vmbr1 -j ACCEPT');
  expect(other?.remedy).toContain('--add-interface=vmbr1');
  expect(foreignFindings(settings, { forwardDrops: [], tables: ['ip nat'] })).toEqual([]);
});
