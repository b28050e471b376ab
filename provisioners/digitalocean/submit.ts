import { z } from 'zod';
import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import { type Refusal, type Topic } from './errors.ts';

/** A droplet that exists, and the action that makes it, where it is known. */
export interface Accepted {
  readonly id: number;
  readonly action?: number;
}

/** Refusals after which something else may still be tried; nothing was made. */
const EXPECTED: readonly Topic[] = ['stock', 'limit', 'choice', 'key'];

/**
 * Asks for one droplet, once. Its id is taken out of the raw answer and remembered before anything else of it is looked at: from
 * that moment on the droplet costs money, and an answer of a new shape must not make it an orphan.
 */
export async function submit(
  client: DoClient,
  body: object,
  remember: (id: number) => Promise<void>,
  { lane, signal }: Asking,
): Promise<Accepted | { readonly refusal: Refusal }> {
  let text = '';
  const answer = await client.call({
    doing: 'make a droplet',
    method: 'POST',
    path: '/droplets',
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
  if (!answer.ok) return { refusal: answer.refusal };
  const id = idIn(text);
  if (id === undefined) {
    throw new ProvisionerError('unknown-outcome', 'DigitalOcean took the order for a droplet and did not tell its id');
  }
  await remember(id);
  const action = links.safeParse(jsonOf(text)).data?.links.actions.find(({ rel }) => rel === 'create')?.id;
  return { id, ...(action === undefined ? {} : { action }) };
}

const raw = z.object({ droplet: z.object({ id: z.int().positive() }) });
const links = z.object({
  links: z.object({ actions: z.array(z.object({ id: z.int().positive(), rel: z.string() })) }),
});

/** Also out of an answer that breaks off behind it. */
function idIn(text: string): number | undefined {
  const parsed = raw.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data.droplet.id;
  const found = /"droplet"\s*:\s*\{\s*"id"\s*:\s*([1-9]\d{0,15})\b/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
