import type { Rule } from './nft-chains.ts';
import { ACCEPT, ct, DROP, goto, has, is, meta, type NftExpression, oneOf, over, payload, prefix } from './nft-json.ts';
import type { NetworkSettings } from './plan-settings.ts';

/** What is forwarded from and to machines: everything that is not accepted here ends here. */
export function egressRules(
  settings: NetworkSettings,
  inet: (chain: string, ...expr: NftExpression[]) => Rule,
): Rule[] {
  const { tenantNetwork, tenantNetworkV6, allowedNetworks, metadata, smtp } = settings;
  const lists = (networks: readonly string[]): NftExpression => oneOf(networks.map(prefix));
  const mail = smtp === 'allow' ? [] : [is(payload('tcp', 'dport'), 25), DROP];
  const whenAny = (chain: string, expr: readonly NftExpression[]): Rule[] =>
    expr.length === 0 ? [] : [inet(chain, ...expr)];
  return [
    inet('tenants', has(ct('state'), 'invalid'), DROP),
    // Without these a machine never learns that a packet was too large or a host is not there.
    inet('tenants', has(ct('state'), 'related'), is(meta('l4proto'), oneOf(['icmp', 'ipv6-icmp'])), ACCEPT),
    // Through an open port: `ended` has looked.
    inet('tenants', translated, forth, is(to4, '@machines'), ACCEPT),
    inet('tenants', translated, back, is(from4, '@machines'), ACCEPT),
    // The answer to what a machine began itself.
    inet('tenants', back, has(ct('state'), 'established'), is(to4, '@machines'), ACCEPT),
    ...(tenantNetworkV6 === undefined ? [] : v6Rules(inet)),
    inet('tenants', forth, is(from4, '@machines'), goto('egress')),
    inet('tenants', DROP),

    inet('egress', is(to4, prefix(tenantNetwork)), DROP),
    ...(metadata === 'allow' ? [inet('egress', is(to4, oneOf(METADATA)), ACCEPT)] : []),
    ...(allowedNetworks.length === 0 ? [] : [inet('egress', is(to4, lists(allowedNetworks)), ACCEPT)]),
    inet('egress', is(to4, lists(PRIVATE)), DROP),
    ...(metadata === 'allow' ? [] : [inet('egress', is(to4, oneOf(METADATA)), DROP)]),
    ...whenAny('egress', mail),
    ...connectionRules('egress', from4, 'begun', settings, inet),
    inet('egress', ACCEPT),

    ...(tenantNetworkV6 === undefined
      ? []
      : [
          inet('egress6', is(to6, oneOf([prefix(tenantNetworkV6), ...PRIVATE6.map(prefix)])), DROP),
          ...whenAny('egress6', mail),
          ...connectionRules('egress6', from6, 'begun6', settings, inet),
          inet('egress6', ACCEPT),
        ]),
  ];
}

const from4 = payload('ip', 'saddr');
const to4 = payload('ip', 'daddr');
const from6 = payload('ip6', 'saddr');
const to6 = payload('ip6', 'daddr');
const translated = has(ct('status'), 'dnat');
const forth = is(ct('direction'), 'original');
const back = is(ct('direction'), 'reply');

/** What is not on the Internet (RFC 6890), and what goes to many. */
const PRIVATE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/3',
];
const PRIVATE6 = ['fc00::/7', 'fe80::/10', 'ff00::/8', '::/128', '::1/128', '64:ff9b::/96', '2002::/16'];

/** AWS and most others; Azure's, which is a public address. The others' are within the private networks. */
const METADATA = ['169.254.169.254', '168.63.129.16'];

/** A machine's IPv6 address is its own: open from the Internet, closed from neighbours and private networks. */
function v6Rules(inet: (chain: string, ...expr: NftExpression[]) => Rule): Rule[] {
  return [
    inet('tenants', has(ct('state'), 'established'), is(from6, '@machines6'), back, ACCEPT),
    inet('tenants', has(ct('state'), 'established'), is(to6, '@machines6'), back, ACCEPT),
    inet('tenants', is(from6, '@machines6'), goto('egress6')),
    inet('tenants', is(to6, '@machines6'), is(from6, oneOf(PRIVATE6.map(prefix))), DROP),
    inet('tenants', is(to6, '@machines6'), ACCEPT),
  ];
}

function connectionRules(
  chain: string,
  source: NftExpression,
  set: string,
  { newConnectionsPerSecond: rate }: NetworkSettings,
  inet: (chain: string, ...expr: NftExpression[]) => Rule,
): Rule[] {
  if (rate === undefined) return [];
  return [inet(chain, has(ct('state'), 'new'), over(source, set, { rate, per: 'second', burst: rate * 2 }), DROP)];
}
