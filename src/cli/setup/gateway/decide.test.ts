import { describe, expect, it } from 'vitest';
import type { AgentId } from '../../../ports/ids.ts';
import { decideGateway, type Standing } from './decide.ts';
import type { GatewayWish } from './options.ts';
import type { GatewayFacts } from './survey.ts';

const AGENT = 'abcdef0123456789'.repeat(4) as AgentId;
const WISH: GatewayWish = { bridges: [], web: true, force: false, dryRun: false };

function facts(...networks: readonly string[]): GatewayFacts {
  const addresses = networks.map((network) => ({ address: network.split('/')[0] ?? '', network }));
  return { addresses, hasNft: true, hasCaddy: true, portsTaken: [] };
}

function decide(wish: Partial<GatewayWish>, has: GatewayFacts, standing: Standing = {}) {
  return decideGateway({ ...WISH, ...wish }, has, standing, AGENT);
}

describe('the choices of a gateway', () => {
  const ordinary = facts('127.0.0.1/8', '203.0.113.10/24', '192.168.1.10/24');

  it('take the only public address, a network that is free, and an id of this very host', () => {
    expect(decide({}, ordinary)).toEqual({
      publicIp: '203.0.113.10',
      dcId: 'dc-abcdef01',
      tenantNetwork: '10.77.0.0/16',
      bridges: [],
      web: 'caddy',
      certificates: 'acme-dns',
    });
  });

  it('are what the configuration says already, and what was asked for goes before that', () => {
    const standing = { public_ip: '203.0.113.10', dc_id: 'dc-sl', tenant_network: '10.5.0.0/24' };
    expect(decide({}, ordinary, standing)).toMatchObject({ dcId: 'dc-sl', tenantNetwork: '10.5.0.0/24' });
    expect(decide({ dcId: 'dc-xy', web: false }, ordinary, standing)).toMatchObject({ dcId: 'dc-xy', web: 'off' });
  });

  it('know the address behind a router when there is only one', () => {
    const behind = facts('127.0.0.1/8', '192.168.1.10/24');
    expect(decide({ publicIp: '203.0.113.10' }, behind)).toMatchObject({ localIp: '192.168.1.10' });
    const two = facts('192.168.1.10/24', '192.168.2.10/24');
    expect(() => decide({ publicIp: '203.0.113.10' }, two)).toThrow(/no interface of this host has the address/);
    expect(decide({ publicIp: '203.0.113.10' }, two, { local_ip: '192.168.2.10' })).toMatchObject({
      localIp: '192.168.2.10',
    });
  });

  it.each([
    [facts('192.168.1.10/24'), /no public address of its own/],
    [facts('203.0.113.10/24', '198.51.100.1/24'), /several public addresses: 203.0.113.10, 198.51.100.1/],
    [facts('203.0.113.10/24', '10.77.3.1/24'), /10.77.0.0\/16 overlaps 10.77.3.1\/24/],
    [facts('203.0.113.10/24', '10.1.2.3/8'), /overlaps 10.1.2.3\/8/],
  ])('are refused where only the operator can know: %#', (has, why) => {
    expect(() => decide({}, has)).toThrow(why);
  });

  it('take the bridge of an earlier run for what it is', () => {
    expect(decide({}, facts('203.0.113.10/24', '10.77.0.1/16'))).toMatchObject({ tenantNetwork: '10.77.0.0/16' });
  });
});
