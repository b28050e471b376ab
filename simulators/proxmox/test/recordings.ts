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

const promised = process.env['DC_SPECS_DIR'];
const directory = promised ?? join(import.meta.dirname, '../../../../shared/specs');

export const WHY_SKIPPED = 'skipped: the recordings are not beside this checkout (set DC_SPECS_DIR)';

/** A document that lives beside the project; undefined where it is absent and nobody promised it. */
export function specification(name: string): unknown {
  const path = join(directory, name);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  if (promised !== undefined) throw new Error(`there is no ${path}`);
  return undefined;
}

/** The recordings of real hosts, which live beside the project. */
export function recordings(): readonly Recording[] {
  return FILES.flatMap(({ file, personality, node }) => {
    const found = specification(file) as { readonly entries: readonly Recorded[] } | undefined;
    return found ? [{ file, personality, node, entries: found.entries }] : [];
  });
}

const FILES = [
  { file: 'pve-transcripts-8.4.21.json', personality: '8.4', node: 'pve8' },
  { file: 'pve-transcripts-9.1.7.json', personality: '9.1', node: 'pve1' },
  { file: 'pve-transcripts-wizard-8.4.21.json', personality: '8.4', node: 'pve8' },
  { file: 'pve-transcripts-wizard-9.1.7.json', personality: '9.1', node: 'pve1' },
] as const;
