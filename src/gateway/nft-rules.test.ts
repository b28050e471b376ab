import { describe, expect, test } from 'vitest';
import { SETTINGS } from './nft-fixtures.ts';
import { rulesFor } from './nft-rules.ts';
import { skeletonFor } from './nft-skeleton.ts';
import type { NetworkSettings } from './plan-settings.ts';

const NAMES = { bridge: 'names' } as const;

/** The rules of one chain as one line of JSON each. */
function chain(
  name: string,
  change: Partial<NetworkSettings> = {},
  kernel: Parameters<typeof rulesFor>[1] = NAMES,
): string[] {
  return rulesFor({ ...SETTINGS, ...change }, kernel)
    .filter((rule) => rule.chain === name)
    .map(({ expr }) => JSON.stringify(expr));
}

const with4 = (text: string) => (line: string) => line.includes(text);

describe('rules follow from the settings', () => {
  test('mail is stopped unless it is allowed', () => {
    expect(chain('egress').filter(with4('"right":25'))).toHaveLength(1);
    expect(chain('egress', { smtp: 'allow' }).filter(with4('"right":25'))).toEqual([]);
  });

  test('metadata addresses are closed unless they are allowed, before private networks are', () => {
    expect(chain('egress').findIndex(with4('169.254.169.254'))).toBeGreaterThan(-1);
    expect(chain('egress').find(with4('169.254.169.254'))).toContain('drop');
    const open = chain('egress', { metadata: 'allow' });
    expect(open.find(with4('169.254.169.254'))).toContain('accept');
    expect(open.findIndex(with4('169.254.169.254'))).toBeLessThan(open.findIndex(with4('192.168.0.0')));
  });

  test('private networks are closed but for those that are listed', () => {
    const rules = chain('egress', { allowedNetworks: ['192.168.5.0/24'] });
    expect(rules.findIndex(with4('192.168.5.0'))).toBeLessThan(rules.findIndex(with4('192.168.0.0')));
    // Neighbours stay closed whatever is listed.
    expect(chain('egress', { allowedNetworks: ['10.0.0.0/8'] })[0]).toBe(
      '[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"10.77.0.0","len":16}}}},{"drop":null}]',
    );
  });

  test('of this host only what is listed is open', () => {
    const rules = chain('to_host', { hostServices: ['tcp/443'] });
    expect(rules.filter(with4('"dport"')).filter(with4('accept')).filter(with4('"right":'))).toHaveLength(2);
    expect(rules.at(-1)).toBe('[{"drop":null}]');
  });

  test('limits are there when asked for', () => {
    expect(chain('egress').some(with4('limit'))).toBe(false);
    expect(chain('egress', { newConnectionsPerSecond: 50 }).find(with4('limit'))).toContain(
      '"rate":50,"per":"second","burst":100',
    );
    const fast = (line: string) => line.includes('"@machines') && line.includes('"rate":12500,"rate_unit":"kbytes"');
    expect(chain('count', { bandwidthMbit: 100 }).filter(fast)).toHaveLength(2);
    expect(chain('count', { bandwidthMbit: 100, tenantNetworkV6: '2001:db8::/64' }).filter(fast)).toHaveLength(4);
    // What a machine sends to a web server on this host leaves by another way.
    expect(chain('count_host', { bandwidthMbit: 100 }).filter(fast)).toHaveLength(1);
  });

  test('a machine whose allowance is used up is slower than the others, before anything is counted', () => {
    const rules = chain('count', { throttleMbit: 8, bandwidthMbit: 100 });
    expect(rules.slice(0, 2).every((line) => line.includes('"@slowed"') && line.includes('"rate":1000'))).toBe(true);
    expect(rules.findIndex(with4('@bytes_in'))).toBe(4);
    expect(chain('count').some(with4('@slowed'))).toBe(false);
  });

  test('without interfaces nothing is said about them, and without IPv6 nothing is forwarded of it', () => {
    expect(chain('forged')).toEqual([]);
    expect(chain('forged', { tenantInterfaces: ['vmbr1'] }).filter(with4('drop'))).toHaveLength(3);
    expect(rulesFor(SETTINGS, NAMES).filter((rule) => rule.chain === 'egress6')).toEqual([]);
  });

  test('a kernel that cannot filter bridges gets no table for them', () => {
    expect(skeletonFor(SETTINGS, { bridge: 'none' }).families).toEqual(['inet']);
    expect(chain('between', { tenantInterfaces: ['vmbr1'] }).some(with4('ibrname'))).toBe(true);
    expect(chain('between', { tenantInterfaces: ['vmbr1'] }, { bridge: 'addresses' }).some(with4('ibrname'))).toBe(
      false,
    );
  });
});

test('every setting that changes a rule changes the mark by which rules are known', () => {
  const changes: Partial<NetworkSettings>[] = [
    {},
    { smtp: 'allow' },
    { metadata: 'allow' },
    { allowedNetworks: ['10.0.0.0/8'] },
    { hostServices: [] },
    { tenantInterfaces: ['br0'] },
    { tenantNetwork: '10.78.0.0/16' },
    { tenantNetworkV6: '2001:db8::/64' },
    { bandwidthMbit: 10 },
    { throttleMbit: 10 },
    { newConnectionsPerSecond: 10 },
  ];
  const marks = changes.map((change) => skeletonFor({ ...SETTINGS, ...change }, NAMES).mark);
  expect(new Set(marks).size).toBe(marks.length);
});
