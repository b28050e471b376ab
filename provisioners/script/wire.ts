import { z } from 'zod';
import { userName } from '../../src/provisioner/settings.ts';

/** What a script prints: one JSON object. Only the fields that are used are read; anything else is ignored. */
export type Answer = z.output<typeof answer>;
export type WireInstance = z.output<typeof instance>;
export interface WireListed {
  readonly externalId: string;
  /** As printed, unchecked; undefined when the machine belongs to no contract. */
  readonly contract: string | undefined;
  readonly operation: string | undefined;
  readonly status: 'running' | 'stopped' | 'unknown';
}

export type Parsed =
  | { readonly ok: true; readonly answer: Answer }
  /** `externalId` where at least the name of the machine could be read: whoever cleans up needs it. */
  | { readonly ok: false; readonly problem: string; readonly externalId?: string };

/** Reads one answer. `problem` names the place and the kind of a mistake, never the text: it may hold a password. */
export function parseAnswer(bytes: Uint8Array): Parsed {
  const text = decode(bytes);
  if (text === undefined) return { ok: false, problem: 'the output is not UTF-8' };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The engine's message quotes its input, so it is not passed on.
    return { ok: false, problem: text.trim() === '' ? 'nothing was printed' : 'the output is not one JSON object' };
  }
  const parsed = answer.safeParse(json);
  if (parsed.success) return { ok: true, answer: parsed.data };
  const issue = parsed.error.issues[0];
  const place = issue?.path.length ? issue.path.join('.') : 'the answer';
  const problem = `${place} is not as expected (${issue?.code ?? 'unknown'})`;
  const named = z.object({ instance: z.object({ external_id: externalId }) }).safeParse(json);
  return { ok: false, problem, ...(named.success ? { externalId: named.data.instance.external_id } : {}) };
}

/** Strict, because a name or password with replaced characters would be another one. Takes off a byte order mark. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads the entries of a list one by one, so that a broken one is counted and hides no other. */
export function readListed(entries: readonly unknown[]): { listed: WireListed[]; malformed: number } {
  const listed = new Map<string, WireListed>();
  let malformed = 0;
  for (const entry of entries) {
    const parsed = listEntry.safeParse(entry);
    // The same id twice is two truths about one machine: the list cannot be trusted to be complete.
    if (!parsed.success || listed.has(parsed.data.external_id)) {
      malformed += 1;
      continue;
    }
    const { external_id, contract_id, operation_id, status } = parsed.data;
    listed.set(external_id, {
      externalId: external_id,
      contract: contract_id || undefined,
      operation: operation_id || undefined,
      status,
    });
  }
  return { listed: [...listed.values()], malformed };
}

/** A backend may use numbers as ids. Control characters would garble logs and reports. */
const externalId = z.union([z.string(), z.number().int().nonnegative().transform(String)]).pipe(
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\p{Cc}\u2028\u2029]+$/u),
);
const status = z.enum(['running', 'stopped', 'unknown']).catch('unknown');
const text = z.string().nullish();

/** The reference allowed any JSON here; tenants see text. */
function toDetails(details: unknown): string | undefined {
  if (details === undefined || details === null || details === '') return undefined;
  try {
    const shown = typeof details === 'string' ? details : JSON.stringify(details);
    return shown.slice(0, 4096);
  } catch {
    // JSON.parse takes any depth and JSON.stringify does not. A note that nobody can read is no reason to lose the machine.
    return undefined;
  }
}

/** Of one card: no group and not nobody's. */
const MAC = /^(?!00:00:00:00:00:00)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i;

const instance = z.object({
  external_id: externalId,
  ip_address: z.union([z.ipv4(), z.ipv6(), z.literal('')]).nullish(),
  ipv6_address: z.union([z.ipv6(), z.literal('')]).nullish(),
  mac_address: z.union([z.string().regex(MAC), z.literal('')]).nullish(),
  ssh_port: z.number().int().min(1).max(65_535).nullish(),
  ssh_user: z.union([userName(), z.literal('')]).nullish(),
  root_password: z.string().max(1024).nullish(),
  additional_details: z.unknown().optional().transform(toDetails),
  status: z.enum(['running', 'stopped', 'unknown']).nullish().catch(undefined),
  contract_id: text,
});

const listEntry = z.object({ external_id: externalId, contract_id: text, operation_id: text, status });

const health = z
  .union([
    z.object({ status: z.literal('healthy'), uptime_seconds: z.number().nonnegative().nullish().catch(undefined) }),
    z.object({ status: z.literal('unhealthy'), reason: z.string().catch('no reason given') }),
    z.object({ status: z.literal('unknown') }),
  ])
  .catch({ status: 'unknown' });

const answer = z.object({
  success: z.boolean(),
  instance: instance.nullish(),
  health: health.nullish(),
  instances: z.array(z.unknown()).nullish(),
  complete: z.boolean().optional().catch(false),
  error: text.catch(undefined),
  retry_possible: z.boolean().nullish().catch(undefined),
});
