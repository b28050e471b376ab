import { z } from 'zod';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, VultrClient } from './client.ts';
import { type Refusal, refused } from './errors.ts';
import { listAll, type Page, type Wanted } from './pages.ts';
import { bandwidth, type Days, instance, instanceAnswer, type VultrInstance } from './wire.ts';

/** What became of a call that changes one instance. A refusal is of the kind that passes: pending, locked, already under way. */
export type Acceptance = 'accepted' | 'absent' | Refusal;

/** The calls about instances. */
export interface VultrApi {
  /** Undefined only when the API said that there is no such instance, and is known to be the API. */
  instance(id: string, asking: Asking): Promise<VultrInstance | undefined>;
  instances(query: Wanted, asking: Asking): Promise<Page<VultrInstance>>;
  start(id: string, asking: Asking): Promise<Acceptance>;
  halt(id: string, asking: Asking): Promise<Acceptance>;
  remove(id: string, asking: Asking): Promise<Acceptance>;
  /** Undefined when there is no such instance. */
  bandwidth(id: string, asking: Asking): Promise<Days | undefined>;
}

/** A month and a day: what is asked for must hold the whole present month. */
const DAYS = '32';

export function createApi(client: VultrClient): VultrApi {
  let isVerified = false;

  /**
   * "There is no such thing" is a status 404 and a text, and so is "there is no such path". It is believed of an instance once this
   * endpoint has listed instances for this key: with a typing mistake in it, every deletion would look like a success.
   */
  async function verify(asking: Asking): Promise<void> {
    if (!isVerified) await api.instances([], asking);
  }

  async function change(doing: string, method: 'POST' | 'DELETE', path: string, asking: Asking): Promise<Acceptance> {
    const answer = await client.call({ ...asking, doing, method, path, answer: z.unknown(), expects: passes });
    if (answer.ok) return 'accepted';
    if (!isAbsent(answer.refusal)) return answer.refusal;
    await verify(asking);
    return 'absent';
  }

  const api: VultrApi = {
    async instance(id, asking) {
      const answer = await client.call({
        ...asking,
        doing: `show instance ${id}`,
        method: 'GET',
        path: `/instances/${id}`,
        answer: instanceAnswer,
        expects: isAbsent,
      });
      if (!answer.ok) {
        await verify(asking);
        return undefined;
      }
      if (answer.value.instance.id === id) return answer.value.instance;
      throw new ProvisionerError('retry', `Asked Vultr about instance ${id}, and got another one`);
    },
    async instances(query, asking) {
      const page = await listAll(client, { path: '/instances', key: 'instances', entry: instance, query }, asking);
      isVerified = true;
      return page;
    },
    start: (id, asking) => change(`start instance ${id}`, 'POST', `/instances/${id}/start`, asking),
    halt: (id, asking) => change(`halt instance ${id}`, 'POST', `/instances/${id}/halt`, asking),
    remove: (id, asking) => change(`delete instance ${id}`, 'DELETE', `/instances/${id}`, asking),
    async bandwidth(id, asking) {
      const answer = await client.call({
        ...asking,
        doing: `tell the traffic of instance ${id}`,
        method: 'GET',
        path: `/instances/${id}/bandwidth`,
        query: [['date_range', DAYS]],
        answer: bandwidth,
        expects: isAbsent,
      });
      return answer.ok ? answer.value.bandwidth : undefined;
    },
  };
  return api;
}

/** In the API's own form; a proxy's page says nothing about instances. */
function isAbsent({ status, isApis }: Refusal): boolean {
  return isApis && status === 404;
}

/**
 * What an instance answers that is pending, locked or already being deleted is a server error with a text. So is real trouble:
 * either way the instance is looked at again before anything else is asked. What concerns the key, or the rate, is no such thing.
 */
function passes(refusal: Refusal): boolean {
  return isAbsent(refusal) || (![401, 402, 403, 404, 429].includes(refusal.status) && refusal.status >= 400);
}

/** The words for a refusal that did not pass in time. */
export function stillRefused(refusal: Refusal | undefined): string {
  return refusal === undefined ? '' : ` (${refused(refusal).message})`;
}

/** An id from what the agent kept as text; it becomes part of a path. */
export function instanceId(text: string): string {
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(text)) return text;
  throw new ProvisionerError('not-ours', 'what was remembered as the id of an instance is none');
}
