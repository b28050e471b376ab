import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HetznerCore } from './core.ts';
import { checkAnswer, checkRequest, type OpenApi } from './openapi.ts';

const specs = process.env.DC_SPECS_DIR;
const path = join(specs ?? join(import.meta.dirname, '../../../shared/specs'), 'hcloud-openapi.json');

/** For tests: the provider's own document, which lives beside the project; undefined where it is absent and nobody promised it. */
export function officialDocument(): OpenApi | undefined {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as OpenApi;
  if (specs !== undefined) throw new Error(`there is no ${path}, although DC_SPECS_DIR promises it`);
  return undefined;
}

export const WHY_SKIPPED = 'skipped: the official document is not beside this checkout (set DC_SPECS_DIR)';

export interface SpecWatch {
  /** What the simulator answered against the document. */
  readonly answers: readonly string[];
  /** What callers asked against the document. Calls that were refused do not count: tests make wrong ones on purpose. */
  readonly requests: readonly string[];
  /** The documented calls that were made, and answered well. */
  readonly seen: ReadonlySet<string>;
}

/**
 * Holds everything that goes over this core's wire against the document, except what a fault garbled. One difference is real: since
 * August 2026 a free address is `unassigned`, and the document has not heard of it.
 */
export function watchSpec(core: HetznerCore, document: OpenApi): SpecWatch {
  const answers: string[] = [];
  const requests: string[] = [];
  const seen = new Set<string>();
  core.onExchange(({ call, request, answer }) => {
    if (call === undefined) return;
    const body = answer.body.replaceAll('"assignee_type":"unassigned"', '"assignee_type":"server"');
    // A method that a path does not have is in no document, and its refusal is.
    if (answer.status === 405) return;
    answers.push(...checkAnswer(document, call, answer.status, body));
    if (answer.status >= 300) return;
    const at = request.path.indexOf('?');
    const query = new URLSearchParams(at < 0 ? '' : request.path.slice(at + 1));
    requests.push(...checkRequest(document, call, query, request.body ?? ''));
    seen.add(call);
  });
  return { answers, requests, seen };
}
