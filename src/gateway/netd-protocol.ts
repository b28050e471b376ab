import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { z } from 'zod';
import type { ContractId } from '../ports/ids.ts';
import type { Route } from './port.ts';

/**
 * What the agent and its helper say to each other: one JSON object a line, one answer for each request. Requests hold data and no
 * text that could become a rule; what they mean is the helper's own configuration's business.
 */
const portNumber = z.int().min(1).max(65_535);
const ipv4 = z.string().refine((text) => isIPv4(text), { error: 'expected an IPv4 address' });
/** One way to write each address, as the kernel has it: two routes must not differ by their spelling. */
const ipv6 = z
  .string()
  .refine((text) => isIPv6(text) && !text.includes('%') && !text.includes('.'), { error: 'expected an IPv6 address' })
  .transform((address) => new SocketAddress({ address, family: 'ipv6' }).address);
/** Of one card: no group and not nobody's. */
const mac = z.string().regex(/^(?!00:00:00:00:00:00)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i);
const contract = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as ContractId);

const route = z.strictObject({
  contract,
  firstPort: portNumber,
  portCount: z.int().min(1).max(1000),
  ipv4,
  ipv6: ipv6.optional(),
  mac: mac.transform((text) => text.toLowerCase()).optional(),
  sshPort: portNumber,
  pace: z.literal('slow').exactOptional(),
});

export type WireRoute = z.output<typeof route>;

/**
 * Looks at routes one by one: each comes back as it is to be understood, or with why not. One that was sound lately, value for value, is
 * sound: of 2,000 of them nearly all are, and looking again takes most of the time.
 */
export function routeReader(): (json: unknown) => WireRoute | { readonly why: string } {
  let recent = new Map<string, Sound>();
  let older = recent;
  const remember = (sound: Sound): WireRoute => {
    if (recent.size >= REMEMBERED) {
      older = recent;
      recent = new Map();
    }
    recent.set(sound.read.contract, sound);
    return sound.read;
  };
  return (json) => {
    const values: Values = typeof json === 'object' && json !== null ? { ...json } : {};
    const { contract: name } = values;
    const known = typeof name === 'string' ? (recent.get(name) ?? older.get(name)) : undefined;
    if (known !== undefined && isSame(known.values, values)) return remember(known);
    const { success, data, error } = route.safeParse(json);
    if (!success) return { why: z.prettifyError(error).replaceAll(/\s+/g, ' ').slice(0, 300) };
    return remember({ values, read: data });
  };
}

type Values = Readonly<Record<string, unknown>>;

interface Sound {
  /** As they were sent: texts and numbers only, or the route would not have been sound. */
  readonly values: Values;
  readonly read: WireRoute;
}

function isSame(a: Values, b: Values): boolean {
  let left = 0;
  for (const key in a) {
    if (a[key] !== b[key]) return false;
    left += 1;
  }
  for (const _ in b) left -= 1;
  return left === 0;
}

/** More than an address has ports. */
const MOST_ROUTES = 65_536;

/** All of them or none: the first that is no route ends the looking, since whoever sends such plans is nobody to explain each to. */
function soundRoutes(read: ReturnType<typeof routeReader>) {
  const list = z.custom<readonly unknown[]>((json) => Array.isArray(json) && json.length <= MOST_ROUTES, {
    error: `expected a list of at most ${MOST_ROUTES} routes`,
  });
  return list.transform((routes, context): readonly WireRoute[] => {
    const sound: WireRoute[] = [];
    for (const [place, json] of routes.entries()) {
      const found = read(json);
      if (!('why' in found)) sound.push(found);
      else {
        context.addIssue({ code: 'custom', message: `route ${place}: ${found.why}` });
        return z.NEVER;
      }
    }
    return sound;
  });
}

/** More than any host has machines. */
export const REMEMBERED = 10_000;

const routes = soundRoutes(routeReader());

export const request = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('about') }),
  z.strictObject({ op: z.literal('apply'), routes }),
  /** The plan that was answered with `state`, without some contracts and with these routes: of 2,000 machines one comes or goes. */
  z.strictObject({ op: z.literal('change'), state: z.uuid(), gone: z.array(contract).max(MOST_ROUTES), routes }),
  z.strictObject({ op: z.literal('traffic') }),
  z.strictObject({ op: z.literal('answered'), localPort: portNumber, port: portNumber, ipv4 }),
  z.strictObject({ op: z.literal('survey') }),
]);

export type Request = z.output<typeof request>;
/** What the agent sends. */
export type RequestInput =
  | Exclude<z.input<typeof request>, { op: 'apply' | 'change' }>
  | { readonly op: 'apply'; readonly routes: readonly z.input<typeof route>[] }
  | {
      readonly op: 'change';
      readonly state: string;
      readonly gone: readonly string[];
      readonly routes: readonly z.input<typeof route>[];
    };

const names = z.array(z.string());

const applied = z.object({
  repaired: names,
  refused: z.array(z.object({ contract, why: z.string() })),
  /** By this name the plan can be changed. Helpers of before do not say one. */
  state: z.uuid().optional(),
});

export type AppliedAnswer = z.output<typeof applied>;

/** The answers, by request. */
export const answers = {
  about: z.object({
    version: z.string(),
    nft: z.string(),
    bridge: z.enum(['names', 'addresses', 'none']),
    /** The settings by which the helper goes, as text: they are compared, not used. */
    settings: z.string(),
  }),
  apply: applied,
  /** Without `applied` nothing was done: the plan of that name is not the latest any more, and all of it has to be said. */
  change: z.object({ applied: applied.optional() }),
  traffic: z.object({
    traffic: z.array(z.object({ contract, bytesIn: z.number(), bytesOut: z.number() })),
  }),
  answered: z.object({ answered: z.boolean() }),
  survey: z.object({
    /** Chains of others that drop what they are not told to let through. */
    forwardDrops: names,
    /** Tables of others that may hold translations of their own. */
    tables: names,
  }),
};

export type Op = keyof typeof answers;
export type Answer<O extends Op> = z.output<(typeof answers)[O]>;

export const reply = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), answer: z.unknown() }),
  z.object({ ok: z.literal(false), kind: z.enum(['retry', 'config']), message: z.string() }),
]);

export type Reply = z.output<typeof reply>;

/** Said to whoever has to make room for a newcomer: nothing that it asked for was begun. */
export const TURNED_AWAY = 'too many connections; this one was not in use';

/** Room for the largest fleet that an address has ports for. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const FEW_BYTES = 1 << 20;
/** Of a plan: no route has more than nine fields, and none has lists. */
const MOST_PARTS = 10 * MOST_ROUTES;

/** A line of many small parts takes up many times its own size once it is read. No request has so many. */
export function hasTooManyParts(line: string): boolean {
  if (line.length <= FEW_BYTES) return false;
  let parts = 0;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === COMMA || code === BRACE || code === BRACKET) parts += 1;
  }
  return parts > MOST_PARTS;
}

const COMMA = 0x2c;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** A route as the helper is told of it. An IPv6 address that is none, which a guest may have claimed, is left out. */
export function wireRoute({ contract, firstPort, portCount, machine, pace }: Route): z.input<typeof route> {
  const { ipv4, mac, sshPort } = machine;
  const v6 = machine.ipv6 === undefined ? undefined : ipv6.safeParse(machine.ipv6).data;
  return {
    contract,
    firstPort,
    portCount,
    ipv4,
    sshPort,
    ...(v6 === undefined ? {} : { ipv6: v6 }),
    ...(mac === undefined ? {} : { mac }),
    ...(pace === undefined ? {} : { pace }),
  };
}
