import { z } from 'zod';
import { HetznerRefusal, type Reply } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Fate } from './faults.ts';

/** One call that found its endpoint. */
export interface Call {
  readonly cloud: Cloud;
  /** Without the query, from `/v1` on. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The number in the path's `{id}`; 0 where the path has none. */
  readonly id: number;
  readonly actionId: number;
  readonly fate: Fate;
  /** The body as this schema reads it. Throws `json_error`, or `invalid_input` with every wrong field. */
  body<T>(schema: z.ZodType<T>): T;
}

export interface Endpoint {
  /** Method and path as documented: `POST /servers/{id}/actions/poweron`. */
  readonly call: string;
  handle(call: Call): Reply;
}

export function readBody<T>(text: string | undefined, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    // Calls whose every field is optional may come without a body.
    value = text === undefined || text === '' ? {} : JSON.parse(text);
  } catch {
    throw new HetznerRefusal('json_error', 'error parsing json');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = new Map<string, string[]>();
  for (const { path, message } of result.error.issues) {
    const name = path.map(String).join('.') || 'body';
    fields.set(name, [...(fields.get(name) ?? []), message]);
  }
  const names = [...fields.keys()].map((name) => `'${name}'`).join(', ');
  throw new HetznerRefusal('invalid_input', `invalid input in field${fields.size > 1 ? 's' : ''} ${names}`, {
    fields: [...fields].map(([name, messages]) => ({ name, messages })),
  });
}

export const id = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
/** The document says text; the official clients send numbers too, and both mean the same. */
export const idOrName = z.union([z.string().min(1), id]);
