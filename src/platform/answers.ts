import { z } from 'zod';
import {
  type AcmeDnsAccount,
  type AgentStatus,
  type HeartbeatAnswer,
  type KeyRotation,
  PlatformError,
  type Reconciliation,
  type WorkList,
} from './api.ts';
import * as schema from './schema.ts';

/**
 * The data of answers, read into what the daemon works with. Lists are read element by element: one bad element is counted or
 * named, and never hides the others.
 */

export function heartbeatAnswer(data: unknown): HeartbeatAnswer {
  return present(read(schema.HeartbeatData, data, 'heartbeat answer'));
}

export function workList(data: unknown): WorkList {
  const items: WorkList['items'][number][] = [];
  const malformed: WorkList['malformed'][number][] = [];
  for (const element of list(data, 'work list')) {
    const parsed = schema.PendingEntry.safeParse(element);
    if (!parsed.success) {
      const named = schema.ContractOnly.safeParse(element);
      const problem = problemOf(parsed.error);
      malformed.push(named.success ? { contract: named.data.contractId, problem } : { problem });
      continue;
    }
    const { contractId, offeringId, requesterSshPubkey, memoryAmount, storageCapacity, ...rest } = parsed.data;
    items.push({
      contract: contractId,
      offering: offeringId,
      sshKey: requesterSshPubkey,
      ...present({ ...rest, memoryMb: memoryAmount, storageGb: storageCapacity }),
    });
  }
  return { items, malformed };
}

const Buckets = z.record(z.string(), z.unknown());

export function reconciliation(data: unknown): Reconciliation {
  const buckets = read(Buckets, data, 'reconcile answer');
  if (!['keep', 'terminate', 'unknown', 'pause'].some((name) => name in buckets)) {
    throw new PlatformError('protocol', 'the reconcile answer has none of its lists', { status: 200 });
  }
  let malformed = 0;
  const each = <T>(name: string, type: z.ZodType<T>): T[] => {
    const good: T[] = [];
    const bucket = buckets[name] ?? [];
    for (const element of Array.isArray(bucket) ? bucket : [undefined]) {
      const parsed = type.safeParse(element);
      if (parsed.success) good.push(parsed.data);
      else malformed++;
    }
    return good;
  };
  return {
    keep: each('keep', schema.KeepEntry).map(({ externalId, contractId, endsAt }) => {
      return { externalId, contract: contractId, ...present({ endsAt }) };
    }),
    terminate: each('terminate', schema.TerminateEntry).map(renamed),
    unknown: each('unknown', schema.UnknownEntry),
    pause: each('pause', schema.PauseEntry).map(renamed),
    malformed,
  };
}

/** The list holds contracts in full; only whose they are is read. */
export function contractIds(data: unknown): {
  contracts: z.infer<typeof schema.ContractOnly>['contractId'][];
  malformed: number;
} {
  const parsed = list(data, 'password reset list').map((element) => schema.ContractOnly.safeParse(element));
  const contracts = parsed.flatMap(({ data: entry }) => (entry ? [entry.contractId] : []));
  return { contracts, malformed: parsed.length - contracts.length };
}

/** Ids that are none are left out; an event without its list is no event. */
export function resetEvent(data: unknown): z.infer<typeof schema.ContractOnly>['contractId'][] {
  const { contractIds: ids } = read(schema.ResetEventData, data, 'password reset event');
  return ids.flatMap((id) => schema.ContractOnly.safeParse({ contractId: id }).data?.contractId ?? []);
}

export function keyRotations(data: unknown): { rotations: KeyRotation[]; malformed: number } {
  const parsed = list(data, 'key rotation list').map((element) => schema.RotationEntry.safeParse(element));
  const rotations = parsed.flatMap(({ data: entry }) => {
    return entry ? [{ contract: entry.contractId, sshKey: entry.requesterSshPubkey }] : [];
  });
  return { rotations, malformed: parsed.length - rotations.length };
}

export function acmeDnsAccount(data: unknown): AcmeDnsAccount {
  const account = read(schema.GatewayData, data, 'gateway answer');
  return {
    serverUrl: account.acmeDnsServerUrl,
    username: account.acmeDnsUsername,
    password: account.acmeDnsPassword,
    subdomain: account.acmeDnsSubdomain,
  };
}

export function dnsAnswer(data: unknown): { subdomain: string } {
  return read(schema.DnsData, data, 'DNS answer');
}

export function agentStatus(data: unknown): AgentStatus {
  const { lastHeartbeatNs, ...rest } = read(schema.StatusData, data, 'agent status');
  return { online: rest.online, ...present({ lastHeartbeat: lastHeartbeatNs, ...rest }) };
}

/** Parses, or throws a `protocol` error that names the members at fault and never their values. */
export function read<T>(type: z.ZodType<T>, data: unknown, what: string): T {
  const parsed = type.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new PlatformError('protocol', `the ${what} cannot be read: ${problemOf(parsed.error)}`, { status: 200 });
}

function list(data: unknown, what: string): unknown[] {
  if (Array.isArray(data)) return data;
  throw new PlatformError('protocol', `the ${what} is not a list`, { status: 200 });
}

function problemOf(error: z.ZodError): string {
  const problems = error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'entry'}: ${message}`);
  return problems.join('; ').slice(0, 300);
}

function renamed<T extends { contractId: unknown }>({
  contractId,
  ...rest
}: T): Omit<T, 'contractId'> & { contract: T['contractId'] } {
  return { ...rest, contract: contractId };
}

/** Without the members that are undefined, which exact optional types do not allow. */
function present<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const found: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in object) {
    const member = object[key];
    if (member !== undefined) found[key] = member as Exclude<T[typeof key], undefined>;
  }
  return found;
}
