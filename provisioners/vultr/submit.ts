import { z } from 'zod';
import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, VultrClient } from './client.ts';
import type { Refusal } from './errors.ts';

/**
 * Asks for one instance, once. Its id is taken out of the raw answer and remembered before anything else of it is looked at: from
 * that moment on the instance costs money, and an answer of a new shape must not make it an orphan. The answer holds the
 * instance's password, too, and is forgotten here.
 */
export async function submit(
  client: VultrClient,
  body: object,
  remember: (id: string) => Promise<void>,
  { lane, signal }: Asking,
): Promise<{ readonly id: string } | { readonly refusal: Refusal }> {
  let id: string | undefined;
  const answer = await client.call({
    doing: 'make an instance',
    method: 'POST',
    path: '/instances',
    body,
    lane,
    signal,
    lost: 'unknown-outcome',
    expects: isJudged,
    // Read from the text: nothing about its shape may fail this call.
    answer: z.unknown(),
    async raw(text) {
      id = idIn(text);
      if (id !== undefined) await remember(id);
    },
  });
  if (!answer.ok) return answer;
  if (id !== undefined) return { id };
  throw new ProvisionerError('unknown-outcome', 'Vultr took the order for an instance and did not tell its id');
}

/** Refusals after which something else may still be tried; nothing was made. */
function isJudged({ status, isApis }: Refusal): boolean {
  return isApis && [400, 404, 409, 412, 422].includes(status);
}

const raw = z.object({ instance: z.object({ id: z.uuid() }) });

/** Also out of an answer that breaks off behind it. */
function idIn(text: string): string | undefined {
  const parsed = raw.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data.instance.id;
  return /"instance"\s*:\s*\{\s*"id"\s*:\s*"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"/.exec(text)?.[1];
}
