import { bridgeRules } from './nft-bridge.ts';
import type { Rule } from './nft-chains.ts';
import { egressRules } from './nft-egress.ts';
import {
  ACCEPT,
  concat,
  ct,
  DROP,
  goto,
  has,
  is,
  isNot,
  MASQUERADE,
  meta,
  type NftExpression,
  note,
  oneOf,
  payload,
  prefix,
} from './nft-json.ts';
import type { KernelAbility } from './nft-kernel.ts';
import { paceRules } from './nft-pace.ts';
import type { NetworkSettings } from './plan-settings.ts';

/** All rules, in the order of their chains. They name no machine: machines are in the sets alone, so rules change with the settings only. */
export function rulesFor(settings: NetworkSettings, kernel: KernelAbility): readonly Rule[] {
  const inet = (chain: string, ...expr: NftExpression[]): Rule => ({ family: 'inet', chain, expr });
  return [
    ...forgedRules(settings, inet),
    ...endedRules(settings, inet),
    inet('inwards', ...translate),
    inet('inwards_own', ...translate),
    ...hostRules(settings, inet),
    // To a machine that talks to its neighbour by the public address, the kernel says that there is a shorter way: there is none.
    inet('from_host', is(to4, prefix(settings.tenantNetwork)), is(payload('icmp', 'type'), 'redirect'), DROP),
    ...throughRules(settings, inet),
    ...(['count', 'count_host'] as const).flatMap((chain) => [
      ...paceRules(settings, chain, inet),
      ...countRules(chain, inet),
    ]),
    ...outwardRules(settings, inet),
    ...egressRules(settings, inet),
    ...(kernel.bridge === 'none' ? [] : bridgeRules(settings, kernel.bridge)),
  ];
}

export type Inet = (chain: string, ...expr: NftExpression[]) => Rule;

const from4 = payload('ip', 'saddr');
const to4 = payload('ip', 'daddr');
const from6 = payload('ip6', 'saddr');
const to6 = payload('ip6', 'daddr');
const protocol = meta('l4proto');
const port = payload('th', 'dport');
const tcpOrUdp = is(protocol, oneOf(['tcp', 'udp']));
const translated = has(ct('status'), 'dnat');
const forth = is(ct('direction'), 'original');
const back = is(ct('direction'), 'reply');

/** A machine sends under its own addresses, and nobody else under theirs. */
function forgedRules({ tenantInterfaces, tenantNetwork, tenantNetworkV6 }: NetworkSettings, inet: Inet): Rule[] {
  if (tenantInterfaces.length === 0) return [];
  const inside = is(meta('iifname'), oneOf(tenantInterfaces));
  const outside = isNot(meta('iifname'), oneOf([...tenantInterfaces, 'lo']));
  return [
    // Whoever asks for an address by DHCP has none yet, nor has whoever looks whether one is taken (IPv6).
    inet('forged', inside, is(from4, '0.0.0.0'), is(payload('udp', 'dport'), 67), ACCEPT),
    inet('forged', inside, is(meta('nfproto'), 'ipv4'), isNot(from4, '@machines'), DROP),
    inet('forged', inside, is(from6, oneOf([prefix('fe80::/10'), '::'])), ACCEPT),
    inet('forged', inside, is(meta('nfproto'), 'ipv6'), isNot(from6, '@machines6'), DROP),
    inet('forged', outside, is(from4, prefix(tenantNetwork)), DROP),
    ...(tenantNetworkV6 === undefined ? [] : [inet('forged', outside, is(from6, prefix(tenantNetworkV6)), DROP)]),
  ];
}

/**
 * Connections remember where they were translated to for as long as somebody keeps them busy, whatever has become of the port. So each
 * packet that comes in is looked up again: when its port was closed it ends here, and never reaches the address's next machine.
 */
function endedRules({ tenantNetwork }: NetworkSettings, inet: Inet): Rule[] {
  const machine = ct('ip saddr', 'reply');
  return [
    inet('ended', translated, forth, tcpOrUdp, is(concat(machine, protocol, port), '@open'), ACCEPT),
    inet('ended', translated, forth, tcpOrUdp, is(machine, prefix(tenantNetwork)), DROP),
  ];
}

/** From the public port to the machine's: what comes from outside and from tenants (hairpin), and what this host itself sends there. */
const translate: readonly NftExpression[] = [
  tcpOrUdp,
  {
    dnat: {
      family: 'ip',
      addr: { map: { key: concat(to4, protocol, port), data: '@forwards' } },
      port: { map: { key: concat(protocol, port), data: '@ports' } },
    },
  },
];

/** What machines may reach on this host. */
function hostRules(settings: NetworkSettings, inet: Inet): Rule[] {
  const { tenantInterfaces, tenantNetwork, tenantNetworkV6, hostServices } = settings;
  const sources: NftExpression[][] = [
    [isNot(meta('iifname'), 'lo'), is(from4, prefix(tenantNetwork))],
    ...(tenantNetworkV6 === undefined ? [] : [[isNot(meta('iifname'), 'lo'), is(from6, prefix(tenantNetworkV6))]]),
    ...(tenantInterfaces.length === 0 ? [] : [[is(meta('iifname'), oneOf(tenantInterfaces))]]),
  ];
  const answered = [payload('tcp', 'dport'), payload('tcp', 'sport'), from4] as const;
  const firstAnswer = is({ '&': [payload('tcp', 'flags'), ['syn', 'ack']] }, ['syn', 'ack']);
  return [
    ...sources.map((source) => inet('host', ...source, goto('to_host'))),
    // The first answer to a connection that this host made to a public port: from which machine it really came. See `prove`.
    inet('to_host', translated, back, firstAnswer, note(concat(...answered), 'answers'), ACCEPT),
    inet('to_host', has(ct('state'), ['established', 'related']), ACCEPT),
    ...hostServices.map((service) => {
      const [name = '', number = ''] = service.split('/');
      return inet('to_host', is(payload(name, 'dport'), Number(number)), ACCEPT);
    }),
    inet('to_host', is(payload('icmp', 'type'), 'echo-request'), ACCEPT),
    ...(tenantNetworkV6 === undefined
      ? []
      : [inet('to_host', is(payload('icmpv6', 'type'), oneOf(NEIGHBOURS)), ACCEPT)]),
    inet('to_host', DROP),
  ];
}

/** Without these a machine does not even find its gateway. */
const NEIGHBOURS = ['nd-neighbor-solicit', 'nd-neighbor-advert', 'nd-router-solicit', 'echo-request'];

/** Everything from or to machines goes through `tenants`, and nothing else does. */
function throughRules({ tenantInterfaces, tenantNetwork, tenantNetworkV6 }: NetworkSettings, inet: Inet): Rule[] {
  const networks = [is(from4, prefix(tenantNetwork)), is(to4, prefix(tenantNetwork))];
  if (tenantNetworkV6 !== undefined)
    networks.push(is(from6, prefix(tenantNetworkV6)), is(to6, prefix(tenantNetworkV6)));
  if (tenantInterfaces.length > 0) {
    networks.push(is(meta('iifname'), oneOf(tenantInterfaces)), is(meta('oifname'), oneOf(tenantInterfaces)));
  }
  return networks.map((match) => inet('through', match, goto('tenants')));
}

/** An element that matches counts. The addresses are the machine's own here: after the way in was translated, and before the way out is. */
function countRules(chain: string, inet: Inet): Rule[] {
  const inwards = chain === 'count' ? [inet(chain, is(to4, '@bytes_in')), inet(chain, is(to6, '@bytes_in6'))] : [];
  return [...inwards, inet(chain, is(from4, '@bytes_out')), inet(chain, is(from6, '@bytes_out6'))];
}

/** To the outside under this host's address; to another machine too (hairpin), or that one would answer past us. */
function outwardRules({ tenantNetwork }: NetworkSettings, inet: Inet): Rule[] {
  const own = prefix(tenantNetwork);
  return [
    inet('outwards', is(from4, own), is(to4, own), translated, MASQUERADE),
    inet('outwards', is(from4, own), isNot(to4, own), MASQUERADE),
  ];
}
