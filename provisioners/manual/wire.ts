import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { AgentId, ContractId, OperationId } from '../../src/provisioner/index.ts';

/** What a tenant may be told; longer notes are refused, not cut, so that nobody believes that they were delivered. */
const MAX_NOTE = 1000;
const MAX_REASON = 500;

const hex = <Id extends string>(digits: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${digits}}$`))
    .transform((text) => text as Id);

const machine = z.object({
  name: z.string(),
  offering: z.string(),
  cpuCores: z.number().optional(),
  memoryMb: z.number().optional(),
  storageGb: z.number().optional(),
  sshKey: z.string(),
});

const task = z.object({
  version: z.literal(1),
  id: z.string().regex(/^(create|remove|power-\d{1,9})-[0-9a-f]{32}$/),
  /** Counts how often the same thing was asked; each round has its own answer. */
  round: z.number().int().positive(),
  kind: z.enum(['create', 'remove', 'stop', 'start']),
  target: z.string(),
  stamp: z.object({
    agent: hex<AgentId>(64),
    contract: hex<ContractId>(64),
    operation: hex<OperationId>(32),
  }),
  /** Milliseconds since the epoch at which this round was opened. */
  askedAt: z.number(),
  /** Absent when the record of the machine was lost and only its stamp is known. */
  machine: machine.optional(),
  address: z.string().optional(),
  /** No longer wanted; an answer changes nothing any more. */
  withdrawn: z.literal(true).optional(),
});

/** Spaces and line breaks aside, control characters have no business on a tenant's or operator's screen. */
const prose = (max: number) =>
  z
    .string()
    .trim()
    .min(1, { error: 'is empty' })
    .max(max, { error: `is longer than ${max} characters` })
    .regex(
      /^[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*(?:\n[^\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]*)*$/u,
      {
        error: 'holds control characters',
      },
    );

export const place = z.object({
  address: z.string().refine(isUsable, { error: 'expected an IPv4 or IPv6 address that others can reach' }),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_.-]{0,31}$/, { error: 'expected a user name' })
    .default('root'),
});

const stated = { version: z.literal(1), task: z.string(), round: z.number().int().positive(), answeredAt: z.number() };

export const answer = z.discriminatedUnion('verdict', [
  z.object({ ...stated, verdict: z.literal('done'), place: place.optional(), note: prose(MAX_NOTE).optional() }),
  z.object({ ...stated, verdict: z.literal('failed'), reason: prose(MAX_REASON), permanent: z.boolean() }),
]);

export type Task = z.output<typeof task>;
export type Answer = z.output<typeof answer>;

const envelope = z.object({ sha256: z.string(), body: z.unknown() });

/** A record as it is kept: with a checksum, since a torn or hand-edited file must not decide about a machine. */
export function encode(body: Task | Answer): Uint8Array {
  return Buffer.from(`${JSON.stringify({ sha256: sumOf(body), body }, null, 2)}\n`);
}

/** Throws when the bytes are not exactly what `encode` wrote. */
export function decodeTask(bytes: Uint8Array): Task {
  return task.parse(open(bytes));
}

/** Throws when the bytes are not exactly what `encode` wrote. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  return answer.parse(open(bytes));
}

function open(bytes: Uint8Array): unknown {
  const { sha256, body } = envelope.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (sha256 !== sumOf(body)) throw new Error('the checksum does not fit the content');
  return body;
}

function sumOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

/** A tenant can do nothing with an address that means "here" or "everywhere". */
function isUsable(text: string): boolean {
  if (isIP(text) === 4) return !/^(0|127)\.|^255\.255\.255\.255$|^(22[4-9]|23\d)\./.test(text);
  return isIP(text) === 6 && !text.includes('%') && !/^(::1?|ff.*|fe[89ab].*)$/i.test(text);
}
