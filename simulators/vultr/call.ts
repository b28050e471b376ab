import type { z } from 'zod';
import { type Reply, VultrRefusal } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Fate } from './faults.ts';

/** One call that found its endpoint. */
export interface Call {
  readonly cloud: Cloud;
  readonly query: URLSearchParams;
  /** What stands in the place of `{id}`; empty where the path has none. */
  readonly id: string;
  readonly fate: Fate;
  /** The body as this schema reads it; 400 with the first thing that is wrong. */
  body<T>(schema: z.ZodType<T>): T;
}

export interface Endpoint {
  /** Method and path as documented: `POST /instances/{id}/halt`. */
  readonly call: string;
  /** Served without an API key, as the real catalogue is. */
  readonly open?: true;
  handle(call: Call): Reply;
}

export function readBody<T>(text: string | undefined, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = text === undefined || text === '' ? {} : JSON.parse(text);
  } catch {
    throw new VultrRefusal(400, 'Invalid JSON in the request body.');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new VultrRefusal(400, `Invalid ${issue?.path.map(String).join('.') || 'body'}: ${issue?.message ?? ''}`);
}
