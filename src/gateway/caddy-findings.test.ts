import { expect, it } from 'vitest';
import { certificateFinding, pathFindings } from './caddy-findings.ts';
import type { Shown } from './certificate.ts';

const NOW = 1_700_000_000_000;
const DAY = 86_400_000;
const ZONE = 'dc-sl.gw.example.org';

const shown = (days: number, fingerprint = 'AA:BB'): Shown => ({
  state: 'shown',
  names: [`*.${ZONE}`],
  fingerprint,
  validUntil: NOW + days * DAY,
});
const NONE: Shown = { state: 'none', why: 'nobody listens' };

it.each<[string, Shown, 'acme-dns' | 'internal', string, RegExp]>([
  ['fresh', shown(80), 'acme-dns', 'pass', /is served/],
  ['about to be renewed', shown(25), 'acme-dns', 'pass', /is served/],
  ['not renewed when it should have been', shown(19.5), 'acme-dns', 'warn', /ends in 19 days and was not renewed/],
  ['over', shown(-3), 'acme-dns', 'warn', /ends in 0 days/],
  ['of Caddy’s own authority, which signs for hours', shown(0.4), 'internal', 'pass', /is served/],
  ['not there', NONE, 'acme-dns', 'warn', /no certificate .* nobody listens/],
])('a certificate that is %s', (_what, found, kind, level, title) => {
  expect(certificateFinding(found, ZONE, kind, NOW)).toMatchObject({
    level,
    code: 'gateway.certificate',
    title: expect.stringMatching(title),
  });
});

it.each<[string, Shown, Shown, string[]]>([
  ['ends in this host’s Caddy', shown(80), shown(80), ['pass']],
  ['ends in another server', shown(80), shown(80, 'CC:DD'), ['fail']],
  ['does not come back to this host', shown(80), NONE, ['warn']],
  ['cannot be compared without a certificate here', NONE, shown(80), []],
])('what comes in at the public address %s', (_what, here, outside, levels) => {
  expect(pathFindings(here, outside, '203.0.113.1').map(({ level }) => level)).toEqual(levels);
});
