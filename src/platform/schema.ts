import { z } from 'zod';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { parseGibibytes, parseMebibytes } from './sizes.ts';

/**
 * What is read of the platform's answers, and no more: unknown members are ignored, members may be spelt `camelCase` or
 * `snake_case` (the platform mixes them and is free to change its mind), and null means absent.
 */

/** An object with its members under their camelCase names; null ones are gone. */
function answer<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess(camelKeys, z.object(shape));
}

function camelKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members: Record<string, unknown> = Object.create(null);
  for (const [key, member] of Object.entries(value)) if (member !== null) members[camelKey(key)] = member;
  return members;
}

function camelKey(key: string): string {
  return key.includes('_') ? key.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase()) : key;
}

const Contract = z.string().transform((text, context): ContractId => {
  const id = parseContractId(text);
  if (id) return id;
  context.addIssue({ code: 'custom', message: 'expected 64 hex digits' });
  return z.NEVER;
});

/** 64-bit nanoseconds to ms. JSON.parse keeps them to within 256 ns, which nothing here can see. 0 and less mean "none". */
const Nanoseconds = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d{1,19}$/)
      .transform(Number),
  ])
  .transform((ns) => (ns > 0 ? Math.floor(ns / 1e6) : undefined));

/** Informational: a wrong type is as good as absent. */
const hint = <T extends z.ZodType>(type: T) => type.optional().catch(undefined);

/** JSON in a string, as the platform sends it; an object in its place is put back into text. */
const JsonText = z.union([
  z.string(),
  z.record(z.string(), z.unknown()).transform((object, context) => {
    try {
      return JSON.stringify(object);
    } catch {
      // JSON.parse takes any depth, JSON.stringify does not.
      context.addIssue({ code: 'custom', message: 'is nested too deeply' });
      return z.NEVER;
    }
  }),
]);

export const HeartbeatData = answer({
  nextHeartbeatSeconds: hint(z.number().positive()),
  poolId: hint(z.string()),
  poolName: hint(z.string()),
  upgradeToVersion: hint(z.string()),
});

export const PendingEntry = answer({
  contractId: Contract,
  offeringId: z.string(),
  requesterSshPubkey: z.string(),
  cpuCores: z.int().positive().optional(),
  memoryAmount: z.string().transform(parseMebibytes).optional(),
  storageCapacity: z.string().transform(parseGibibytes).optional(),
  provisionerType: z.string().optional(),
  provisionerConfig: JsonText.optional(),
  instanceConfig: JsonText.optional(),
  postProvisionScript: z.string().optional(),
});

/** Enough of an entry to name it when the rest could not be read. */
export const ContractOnly = answer({ contractId: Contract });

export const KeepEntry = answer({ externalId: z.string(), contractId: Contract, endsAt: Nanoseconds.optional() });
export const TerminateEntry = answer({ externalId: z.string(), contractId: Contract, reason: z.string() });
export const PauseEntry = answer({
  externalId: z.string(),
  contractId: Contract,
  reason: z.string().default('paused'),
});
export const UnknownEntry = answer({ externalId: z.string(), message: z.string().default('') });

export const RotationEntry = answer({ contractId: Contract, requesterSshPubkey: z.string() });

export const GatewayData = answer({
  acmeDnsServerUrl: z.string(),
  acmeDnsUsername: z.string(),
  acmeDnsPassword: z.string(),
  acmeDnsSubdomain: z.string(),
});

export const DnsData = answer({ subdomain: z.string() });

export const StatusData = answer({
  online: z.boolean(),
  lastHeartbeatNs: hint(Nanoseconds),
  version: hint(z.string()),
  activeContracts: hint(z.number()),
});

/** What the event stream says: whose resets are pending. */
export const ResetEventData = answer({ contractIds: z.array(z.unknown()) });

export const RegistrationData = answer({
  providerPubkey: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'expected 64 hex digits')
    .toLowerCase(),
  poolId: z.string(),
  poolName: hint(z.string()),
  poolLocation: hint(z.string()),
  provisionerType: hint(z.string()),
  permissions: hint(z.array(z.string())),
});
