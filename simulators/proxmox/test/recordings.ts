import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Personality } from '../call.ts';

/** One request to a real host, and what it answered. */
export interface Recorded {
  readonly set: string;
  readonly note?: string;
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  /** Who asked: a token's name, `root` for root's token, or `… (ticket)`. */
  readonly token: string;
  readonly status: number;
  readonly statusText: string;
  readonly contentType?: string;
  readonly connection: string;
  readonly response: unknown;
  readonly ms: number;
  /** The end of the task that the answer named, when it was waited for. */
  readonly task?: { readonly type: string; readonly id: string; readonly exitstatus?: string };
}

export interface Recording {
  readonly file: string;
  readonly personality: Personality;
  readonly node: string;
  readonly entries: readonly Recorded[];
}

/** The recordings of real hosts, which live beside the project. */
export const RECORDINGS = [
  { file: 'pve-transcripts-8.4.21.json', personality: '8.4', node: 'pve8' },
  { file: 'pve-transcripts-9.1.7.json', personality: '9.1', node: 'pve1' },
  { file: 'pve-transcripts-wizard-8.4.21.json', personality: '8.4', node: 'pve8' },
  { file: 'pve-transcripts-wizard-9.1.7.json', personality: '9.1', node: 'pve1' },
] as const;

const promised = process.env['DC_SPECS_DIR'];
const directory = promised ?? join(import.meta.dirname, '../../../../shared/specs');

/** What a suite adds to its title where its documents are absent. */
export const WHY_SKIPPED = 'skipped: the recordings and schemas are not beside this checkout (set DC_SPECS_DIR)';

/** Whether a document lies beside the project. */
export function isThere(name: string): boolean {
  if (existsSync(join(directory, name))) return true;
  if (promised !== undefined || process.env['CI'] === 'true') throw new Error(`there is no ${name} in ${directory}`);
  return false;
}

export function specification(name: string): unknown {
  return JSON.parse(readFileSync(join(directory, name), 'utf8'));
}

export function recording({ file, personality, node }: (typeof RECORDINGS)[number]): Recording {
  const { entries } = specification(file) as { readonly entries: readonly Recorded[] };
  return { file, personality, node, entries };
}
