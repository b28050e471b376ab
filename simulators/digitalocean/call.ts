import { z } from 'zod';
import { DoRefusal, type Reply, unprocessable } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Fate } from './faults.ts';

/** One call that found its endpoint. */
export interface Call {
  readonly cloud: Cloud;
  /** Without the query, from `/v2` on. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What stands in the path's `{…}`; empty where the path has none. */
  readonly id: string;
  readonly fate: Fate;
  /** The body as this schema reads it. Throws `bad_request`, or `unprocessable_entity` with the first problem. */
  body<T>(schema: z.ZodType<T>): T;
}

export interface Endpoint {
  /** Method and path as documented: `POST /droplets/{id}/actions`. */
  readonly call: string;
  handle(call: Call): Reply;
}

export function readBody<T>(text: string | undefined, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = text === undefined || text === '' ? {} : JSON.parse(text);
  } catch {
    throw new DoRefusal('bad_request', 'error parsing request body');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unprocessable(`${issue?.path.join('.') || 'body'} ${issue?.message ?? 'is invalid'}`);
}

/** Only characters that the documentation allows, and no more than 255. */
export const tagName = z.string().regex(/^[A-Za-z0-9:_-]{1,255}$/, 'tag name is invalid');
