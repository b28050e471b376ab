import { z } from 'zod';
import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from './client.ts';
import type { Refusal } from './errors.ts';
import { type Action, created } from './wire.ts';

/** A server that exists, and what is under way for it. */
export interface Accepted {
  readonly id: number;
  readonly actions: readonly (number | Action)[];
}

/** Refusals after which something else may still be tried; nothing was made. */
const EXPECTED = [
  'uniqueness_error',
  'resource_unavailable',
  'placement_error',
  'resource_limit_exceeded',
  'not_found',
  'invalid_input',
  'unsupported_error',
  'invalid_server_type',
];

/**
 * Asks for one server, once. Its id is taken out of the raw answer and remembered before anything else of it is looked at: from
 * that moment on the server costs money, and an answer of a new shape must not make it an orphan.
 */
export async function submit(
  client: HetznerClient,
  body: object,
  remember: (id: number) => Promise<void>,
  { lane, signal }: Asking,
): Promise<Accepted | 'name-taken' | { readonly refusal: Refusal }> {
  let text = '';
  const answer = await client.call({
    doing: 'make a server',
    method: 'POST',
    path: '/servers',
    body,
    lane,
    signal,
    lost: 'unknown-outcome',
    expects: EXPECTED,
    // Read below, from the text: nothing about its shape may fail this call.
    answer: z.unknown(),
    async raw(given) {
      text = given;
    },
  });
  if (!answer.ok) return answer.refusal.code === 'uniqueness_error' ? 'name-taken' : { refusal: answer.refusal };
  const id = idIn(text);
  if (id === undefined) {
    throw new ProvisionerError('unknown-outcome', 'Hetzner took the order for a server and did not tell its id');
  }
  await remember(id);
  const parsed = created.safeParse(jsonOf(text));
  if (!parsed.success) return { id, actions: [] };
  const { action, next_actions } = parsed.data;
  return { id, actions: [...(action ? [action] : []), ...(next_actions ?? [])] };
}

const raw = z.object({ server: z.object({ id: z.int().positive() }) });

/** Also out of an answer that breaks off behind it. */
function idIn(text: string): number | undefined {
  const parsed = raw.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data.server.id;
  const found = /"server"\s*:\s*\{\s*"id"\s*:\s*([1-9]\d{0,15})\b/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
