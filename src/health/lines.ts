import { createHash } from 'node:crypto';
import { type AgentId, type ContractId, parseContractId } from '../ports/ids.ts';

/** What a machine was seen to be. `unknown`: nobody could tell. `paused`: off because the platform said so. */
export type UptimeState = 'up' | 'down' | 'unknown' | 'paused';

export interface Sample {
  /** Wall-clock ms. */
  readonly at: number;
  readonly state: UptimeState;
  readonly latencyMs?: number;
}

export interface Header {
  readonly contract: ContractId;
  /** Whose key signs the marks below. */
  readonly agent: AgentId;
  /** A sample is due this often; the time to the next one counts only up to twice as much. */
  readonly intervalMs: number;
  /** Lines before this one, since the log began. */
  readonly index: number;
  /** The chain's value before this line. */
  readonly head: string;
}

export type UptimeLine =
  | ({ readonly kind: 'header' } & Header)
  | ({ readonly kind: 'sample' } & Sample)
  /** The agent's signature of the chain's value before this line. */
  | { readonly kind: 'mark'; readonly at: number; readonly signature: string };

/** The chain's value before anything was written. */
export const BEGINNING = '0'.repeat(64);

/** The chain's value after one more line. Hex text all through, so that a shell can follow it too. */
export function chained(head: string, line: string): string {
  return createHash('sha256').update(`${head}\n${line}\n`).digest('hex');
}

/** What a mark signs: everything before it, where that is, and when it was signed. */
export function markText(contract: ContractId, index: number, head: string, at: number): string {
  return `dc-agent uptime v1\n${contract}\n${index}\n${head}\n${at}\n`;
}

export function formatHeader({ contract, agent, intervalMs, index, head }: Header): string {
  return `dc-uptime 1 ${contract} ${agent} ${intervalMs} ${index} ${head}`;
}

export function formatSample({ at, state, latencyMs }: Sample): string {
  return `${at} ${state}${latencyMs === undefined ? '' : ` ${latencyMs}`}`;
}

export function formatMark(at: number, signature: string): string {
  return `mark ${at} ${signature}`;
}

const NUMBER = '(0|[1-9]\\d{0,15})';
const SAMPLE = new RegExp(`^${NUMBER} (up|down|unknown|paused)(?: ${NUMBER})?$`);
const MARK = new RegExp(`^mark ${NUMBER} ([0-9a-f]{128})$`);
const HEADER = new RegExp(`^dc-uptime 1 ([0-9a-f]{64}) ([0-9a-f]{64}) ${NUMBER} ${NUMBER} ([0-9a-f]{64})$`);

/** A line without its newline, or undefined when it is none. There is exactly one way to write each. */
export function parseLine(text: string): UptimeLine | undefined {
  const sample = SAMPLE.exec(text);
  if (sample !== null) {
    const latencyMs = sample[3] === undefined ? {} : { latencyMs: Number(sample[3]) };
    return { kind: 'sample', at: Number(sample[1]), state: sample[2] as UptimeState, ...latencyMs };
  }
  const mark = MARK.exec(text);
  if (mark !== null) return { kind: 'mark', at: Number(mark[1]), signature: mark[2] ?? '' };
  const header = HEADER.exec(text);
  const contract = parseContractId(header?.[1]);
  if (header === null || contract === undefined) return undefined;
  return {
    kind: 'header',
    contract,
    agent: header[2] as AgentId,
    intervalMs: Number(header[3]),
    index: Number(header[4]),
    head: header[5] ?? '',
  };
}
