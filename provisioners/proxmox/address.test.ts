import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/provisioner/index.ts';
import { addressesFree, addressesOf, chooseAddress, ipConfig } from './address.ts';
import { createAddressBook } from './address-book.ts';
import { sampleStamp } from './fixtures.ts';
import { ipv4Number, ipv4Text, parseNetwork } from './ipv4.ts';
import type { Machine } from './judge.ts';

const config = { digest: 'd', net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0', ipconfig0: 'ip=dhcp' };

function card(name: string, mac: string, ...addresses: string[]) {
  return { name, mac, addresses: addresses.map((address) => ({ address, prefix: undefined })) };
}

const own = (...addresses: string[]) => card('eth0', 'bc:24:11:00:00:01', ...addresses);

describe('the address of a machine', () => {
  it('is the one on the card of net0, whatever else the guest shows', () => {
    const claims = [
      card('lo', '00:00:00:00:00:00', '127.0.0.1', '::1'),
      card('docker0', '02:42:00:00:00:01', '172.17.0.1'),
      own('fe80::1', '169.254.3.4', '192.0.2.7', '2001:db8::7'),
    ];
    expect(addressesOf(config, claims)).toEqual({ ipv4: '192.0.2.7', ipv6: '2001:db8::7' });
  });

  it('is none when only useless ones are there', () => {
    for (const useless of [
      '127.0.0.1',
      '169.254.1.1',
      '0.0.0.0',
      '224.0.0.1',
      'fe80::1',
      'fd00::1',
      'rubbish',
      '1.2.3',
    ]) {
      expect(addressesOf(config, [own(useless)]), useless).toEqual({});
    }
    expect(addressesOf(config, [])).toEqual({});
    expect(addressesOf({ digest: 'd' }, [own('192.0.2.7')])).toEqual({});
  });

  it('is the assigned one, whatever the guest claims', () => {
    const fixed = { ...config, ipconfig0: 'ip=192.0.2.50/24,gw=192.0.2.1' };
    expect(addressesOf(fixed, [own('192.0.2.7')]).ipv4).toBe('192.0.2.50');
    expect(addressesOf(fixed, []).ipv4).toBe('192.0.2.50');
  });

  it('is not believed when another machine was seen with it first', () => {
    const book = createAddressBook();
    const machine = (vmid: number, mac: string): Machine => ({
      vmid,
      node: 'pve',
      config: { ...config, net0: `virtio=${mac},bridge=vmbr0` },
      stamp: sampleStamp(vmid),
    });
    const first = machine(1, 'BC:24:11:00:00:01');
    const second = machine(2, 'BC:24:11:00:00:02');
    expect(book.heard(first, [own('192.0.2.7')], silentLog).ipv4).toBe('192.0.2.7');
    const claim = [card('eth0', 'bc:24:11:00:00:02', '192.0.2.7')];
    expect(book.heard(second, claim, silentLog)).toEqual({});
    book.forget(1);
    expect(book.heard(second, claim, silentLog).ipv4).toBe('192.0.2.7');
    expect(book.known(second).ipv4).toBe('192.0.2.7');
  });

  it('is free again when a whole list lacks the machine that had it', () => {
    const book = createAddressBook();
    const gone: Machine = { vmid: 1, node: 'pve', config, stamp: sampleStamp(1) };
    expect(book.heard(gone, [own('192.0.2.7')], silentLog).ipv4).toBe('192.0.2.7');
    book.keepOnly(new Set([2]));
    expect(book.heard({ ...gone, vmid: 2 }, [own('192.0.2.7')], silentLog).ipv4).toBe('192.0.2.7');
  });
});

describe('the pool of addresses', () => {
  const pool = { cidr: '192.0.2.0/29', gateway: '192.0.2.1', first: '192.0.2.2', last: '192.0.2.4' };

  it('gives every address once, and says when none is left', () => {
    const taken = new Set<string>();
    for (const expected of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) {
      expect(addressesFree(pool, taken)).toBe(3 - taken.size);
      const address = chooseAddress(pool, taken);
      expect(address).toBe(expected);
      taken.add(address);
    }
    expect(() => chooseAddress(pool, taken)).toThrow(/192\.0\.2\.2 to 192\.0\.2\.4 belong to machines/);
  });

  it('never gives the gateway away, and by default keeps the first address for it', () => {
    expect(chooseAddress({ cidr: '192.0.2.0/29' }, new Set())).toBe('192.0.2.2');
    expect(chooseAddress({ cidr: '192.0.2.0/29', gateway: '192.0.2.2' }, new Set(['192.0.2.1']))).toBe('192.0.2.3');
    expect(addressesFree({ cidr: '192.0.2.0/29' }, new Set(['10.0.0.1']))).toBe(5);
    expect(ipConfig(pool, '192.0.2.3')).toBe('ip=192.0.2.3/29,gw=192.0.2.1');
  });

  it('reads networks strictly', () => {
    expect(parseNetwork('10.0.0.0/8')).toEqual({ first: 0x0a000001, last: 0x0afffffe, prefix: 8 });
    for (const wrong of [
      '10.0.0.1/24',
      '10.0.0.0',
      '10.0.0.0/31',
      '10.0.0.0/4',
      '10.0.0.0/24/1',
      'x/24',
      '010.0.0.0/24',
    ]) {
      expect(parseNetwork(wrong), wrong).toBeUndefined();
    }
    expect(ipv4Text(ipv4Number('203.0.113.255') ?? 0)).toBe('203.0.113.255');
  });
});
