import { z } from 'zod';
import type { PlannedMachine } from './plan.ts';
import { forwardsOf } from './plan-ports.ts';

export type Family = 'inet' | 'bridge';
export type SetName =
  | 'forwards'
  | 'ports'
  | 'open'
  | 'machines'
  | 'machines6'
  | 'bytes_in'
  | 'bytes_out'
  | 'bytes_in6'
  | 'bytes_out6'
  | 'slowed'
  | 'slowed6'
  | 'bound'
  | 'strict'
  | 'loose'
  | 'cards';

/** A set or map whose elements follow from the machines. */
export interface SetDeclaration {
  readonly family: Family;
  readonly type: readonly string[];
  /** What it maps to; absent for a set. */
  readonly map?: 'ipv4_addr' | 'inet_service';
  /**
   * Each element counts what matches it, and says in its comment whose bytes they are. Counters of their own with names would
   * cost more: nft reads all named objects of a table for every change of one (15 ms of CPU time for 2,000 machines).
   */
  readonly counts?: 'bytes';
}

export const SETS: Readonly<Record<SetName, SetDeclaration>> = {
  /** Public address, protocol and port to the machine. nft 1.0 cannot declare a map to address and port in JSON, so `ports` has the port. */
  forwards: { family: 'inet', type: ['ipv4_addr', 'inet_proto', 'inet_service'], map: 'ipv4_addr' },
  /** Protocol and public port to the port inside. */
  ports: { family: 'inet', type: ['inet_proto', 'inet_service'], map: 'inet_service' },
  /** Machine, protocol and public port: which connections may go on. One that was begun before a port was closed is not in it. */
  open: { family: 'inet', type: ['ipv4_addr', 'inet_proto', 'inet_service'] },
  machines: { family: 'inet', type: ['ipv4_addr'] },
  machines6: { family: 'inet', type: ['ipv6_addr'] },
  bytes_in: { family: 'inet', type: ['ipv4_addr'], counts: 'bytes' },
  bytes_out: { family: 'inet', type: ['ipv4_addr'], counts: 'bytes' },
  bytes_in6: { family: 'inet', type: ['ipv6_addr'], counts: 'bytes' },
  bytes_out6: { family: 'inet', type: ['ipv6_addr'], counts: 'bytes' },
  /** Machines that have used up their allowance. */
  slowed: { family: 'inet', type: ['ipv4_addr'] },
  slowed6: { family: 'inet', type: ['ipv6_addr'] },
  /** Card and address that belong together. */
  bound: { family: 'bridge', type: ['ether_addr', 'ipv4_addr'] },
  /** Addresses whose card is known, and those whose card is not. */
  strict: { family: 'bridge', type: ['ipv4_addr'] },
  loose: { family: 'bridge', type: ['ipv4_addr'] },
  cards: { family: 'bridge', type: ['ether_addr'] },
};

export const SET_NAMES = Object.keys(SETS) as readonly SetName[];

/** A set that the kernel itself fills while packets pass; elements leave by themselves. */
export interface NotingSet {
  readonly name: string;
  readonly type: readonly string[];
  readonly seconds: number;
}

/** Those that count, by direction. */
export const COUNTED = {
  in: ['bytes_in', 'bytes_in6'],
  out: ['bytes_out', 'bytes_out6'],
} as const satisfies Record<string, readonly SetName[]>;

/** Bytes by set and contract: whose they are does not hang on the address. */
export type Counters = ReadonlyMap<string, number>;

export function counterKey(name: SetName, contract: string): string {
  return `${name} ${contract}`;
}

/** Elements as text: the parts of a key joined by `|`, and what it maps to or whose it is; empty for a plain set. */
export type Elements = ReadonlyMap<SetName, ReadonlyMap<string, string>>;

/** The sets' elements for these machines. */
export function elementsOf(machines: Iterable<PlannedMachine>, publicAddresses: readonly string[]): Elements {
  const sets = new Map(SET_NAMES.map((name) => [name, new Map<string, string>()]));
  const named = (name: SetName): Map<string, string> => {
    const set = sets.get(name);
    if (set === undefined) throw new Error(`no set ${name}`);
    return set;
  };
  // Looked up once: there are tens of thousands of entries.
  const [forwards, ports, open] = [named('forwards'), named('ports'), named('open')];
  for (const machine of machines) {
    const { contract, ipv4, ipv6, mac, pace } = machine;
    for (const { protocol, publicPort, port } of forwardsOf(machine)) {
      const place = `${protocol}|${publicPort}`;
      for (const address of publicAddresses) forwards.set(`${address}|${place}`, ipv4);
      ports.set(place, String(port));
      open.set(`${ipv4}|${place}`, '');
    }
    named('machines').set(ipv4, '');
    named('bytes_in').set(ipv4, contract);
    named('bytes_out').set(ipv4, contract);
    if (pace === 'slow') named('slowed').set(ipv4, '');
    if (ipv6 !== undefined) {
      named('machines6').set(ipv6, '');
      named('bytes_in6').set(ipv6, contract);
      named('bytes_out6').set(ipv6, contract);
      if (pace === 'slow') named('slowed6').set(ipv6, '');
    }
    named(mac === undefined ? 'loose' : 'strict').set(ipv4, '');
    if (mac === undefined) continue;
    named('bound').set(`${mac}|${ipv4}`, '');
    named('cards').set(mac, '');
  }
  return sets;
}

/** One element as nft takes it. */
export function elementJson(name: SetName, key: string, value: string): unknown {
  const { type, map } = SETS[name];
  const parts: (string | number)[] = key.split('|');
  // No list is made of the list: there are tens of thousands of them.
  for (let i = 0; i < parts.length; i++) parts[i] = partJson(type[i], String(parts[i]));
  const json = parts.length === 1 ? parts[0] : { concat: parts };
  if (map === undefined) return json;
  return [json, map === 'inet_service' ? Number(value) : value];
}

/** Numbers need no looking up: half of what nft does for a large table is that. */
function partJson(type: string | undefined, part: string): string | number {
  if (type === 'inet_service') return Number(part);
  return type === 'inet_proto' ? (NUMBERS[part] ?? part) : part;
}

/**
 * The element of a set that counts. In JSON nft 1.0 lets an element's counter begin at 0 only, so what it had counted before it was made
 * anew stands in its comment, behind whose it is.
 */
export function countedJson(key: string, contract: string, before = 0): unknown {
  return { elem: { val: key, comment: before === 0 ? contract : `${contract} ${before}` } };
}

/** One element as nft prints it, in our text; undefined when it is nothing that we would write. */
export function readElement(name: SetName, json: unknown): { key: string; value: string; bytes?: number } | undefined {
  const { type, map, counts } = SETS[name];
  if (counts !== undefined) {
    const read = counted.safeParse(json);
    if (!read.success) return undefined;
    const { val, comment, counter } = read.data.elem;
    const [, contract, before = '0'] = /^([0-9a-f]{64})(?: (\d{1,17}))?$/.exec(comment) ?? [];
    if (contract === undefined) return undefined;
    return { key: val, value: contract, bytes: Number(before) + counter.bytes };
  }
  if (map === undefined) {
    const key = readKey(type, json);
    return key === undefined ? undefined : { key, value: '' };
  }
  if (!Array.isArray(json) || json.length !== 2) return undefined;
  const [key, value] = [readKey(type, json[0]), readPart(map, json[1])];
  return key === undefined || value === undefined ? undefined : { key, value };
}

function readKey(type: readonly string[], json: unknown): string | undefined {
  const parts = typeof json === 'object' && json !== null && 'concat' in json ? json.concat : [json];
  // What has a comment, a time or a counter of its own is wrapped; these have none.
  if (!Array.isArray(parts) || parts.length !== type.length) return undefined;
  const texts = parts.map((part, i) => readPart(type[i] ?? '', part));
  return texts.includes(undefined) ? undefined : texts.join('|');
}

const counted = z.object({
  elem: z.object({
    val: z.string(),
    comment: z.string(),
    counter: z.object({ bytes: z.number() }),
  }),
});

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };
/** Some versions print protocols by number. */
const PROTOCOLS: Readonly<Record<string, string>> = { 6: 'tcp', 17: 'udp' };

function readPart(type: string, json: unknown): string | undefined {
  if (typeof json !== 'string' && typeof json !== 'number') return undefined;
  const text = String(json);
  return type === 'inet_proto' ? (PROTOCOLS[text] ?? text) : text;
}
