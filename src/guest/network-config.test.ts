import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CloudInitError } from './cloud-init.ts';
import { type NetworkPart, networkConfig } from './network-config.ts';

const PART: NetworkPart = {
  mac: '02:00:5E:10:00:01',
  addresses: [{ address: '10.77.0.2', prefixLength: 16 }],
  gateways: ['10.77.0.1'],
  nameservers: ['9.9.9.9'],
};

const read = (part: Partial<NetworkPart>) => parse(networkConfig({ ...PART, ...part }));

describe('the network of a machine with a fixed address', () => {
  test('is said whole: the card, the address, the way out, and whom to ask for names', () => {
    expect(read({})).toEqual({
      version: 2,
      ethernets: {
        eth0: {
          match: { macaddress: '02:00:5e:10:00:01' },
          'set-name': 'eth0',
          dhcp4: false,
          dhcp6: false,
          addresses: ['10.77.0.2/16'],
          routes: [{ to: '0.0.0.0/0', via: '10.77.0.1' }],
          nameservers: { addresses: ['9.9.9.9'] },
        },
      },
    });
  });

  test('may be of both kinds of address, and of none beyond its own', () => {
    const { eth0 } = read({
      addresses: [...PART.addresses, { address: '2001:db8::2', prefixLength: 64 }],
      gateways: ['10.77.0.1', '2001:db8::1'],
      nameservers: ['9.9.9.9', '2620:fe::fe'],
    }).ethernets;
    expect(eth0.addresses).toEqual(['10.77.0.2/16', '2001:db8::2/64']);
    expect(eth0.routes).toEqual([
      { to: '0.0.0.0/0', via: '10.77.0.1' },
      { to: '::/0', via: '2001:db8::1' },
    ]);
    expect(read({ gateways: [], nameservers: [] }).ethernets.eth0).not.toHaveProperty('routes');
  });

  test('holds every text as a text: a hardware address of digits is no number to count in sixties', () => {
    expect(networkConfig({ ...PART, mac: '02:10:20:30:40:50' })).toContain('macaddress: "02:10:20:30:40:50"');
  });

  test.each<[string, Partial<NetworkPart>, string]>([
    ['no address', { addresses: [], gateways: [] }, 'needs an address'],
    ['a name', { addresses: [{ address: 'db.example', prefixLength: 16 }] }, 'is no IP address'],
    ['an address with more behind it', { addresses: [{ address: '10.77.0.2\n  x: 1', prefixLength: 16 }] }, 'is no IP'],
    ['a zone', { nameservers: ['fe80::1%eth0'] }, 'is no IP address'],
    ['a prefix that is too long', { addresses: [{ address: '10.77.0.2', prefixLength: 33 }] }, '33 is no length'],
    ['a gateway elsewhere', { gateways: ['10.78.0.1'] }, 'in none of the machine'],
    ['a gateway of another kind', { gateways: ['2001:db8::1'] }, 'in none of the machine'],
    ['two ways out', { gateways: ['10.77.0.1', '10.77.0.3'] }, 'at most one gateway'],
    ['a group of cards', { mac: '01:00:5e:10:00:01' }, 'is no hardware address'],
    ['half a card', { mac: '02:00:5e:10:00' }, 'is no hardware address'],
  ])('is refused with %s', (_, part, words) => {
    expect(() => networkConfig({ ...PART, ...part })).toThrow(CloudInitError);
    expect(() => networkConfig({ ...PART, ...part })).toThrow(words);
  });
});
