import { z } from 'zod';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import { refused } from './errors.ts';
import { listAll, type Page } from './pages.ts';
import { type Action, action, actionAnswer, type Droplet, droplet, dropletAnswer } from './wire.ts';

/** What became of a call that changes one droplet. `pending`: another event is at work on it, or it is so already. */
export type Acceptance<T> = T | 'absent' | 'pending';

export type PowerVerb = 'power_on' | 'power_off' | 'shutdown';

/** The calls about droplets and actions. Ids are the API's own numbers. */
export interface DoApi {
  /** Undefined when the API said, about this id, that there is nothing. A wrong endpoint says the same: see `find.ts`. */
  droplet(id: number, asking: Asking): Promise<Droplet | undefined>;
  droplets(query: Readonly<Record<string, string>>, asking: Asking): Promise<Page<Droplet>>;
  power(id: number, verb: PowerVerb, asking: Asking): Promise<Acceptance<Action>>;
  remove(id: number, asking: Asking): Promise<Acceptance<'accepted'>>;
  /** Undefined when the API does not know it. */
  action(id: number, asking: Asking): Promise<Action | undefined>;
  /** The newest two hundred of the whole account. */
  newestActions(asking: Asking): Promise<readonly Action[]>;
  /** Puts a tag on a droplet that was made with it and does not show it. */
  tag(id: number, name: string, asking: Asking): Promise<void>;
}

export function createApi(client: DoClient): DoApi {
  return {
    async droplet(id, { lane, signal }) {
      const answer = await client.call({
        doing: `show droplet ${id}`,
        method: 'GET',
        path: `/droplets/${id}`,
        lane,
        signal,
        answer: dropletAnswer,
        expects: ['absent'],
      });
      return answer.ok ? answer.value.droplet : undefined;
    },
    droplets: (query, asking) =>
      listAll(client, { path: '/droplets', key: 'droplets', entry: droplet, idOf: ({ id }) => id, query }, asking),
    async power(id, verb, { lane, signal }) {
      const answer = await client.call({
        doing: `${WORDS[verb]} droplet ${id}`,
        method: 'POST',
        path: `/droplets/${id}/actions`,
        body: { type: verb },
        lane,
        signal,
        answer: actionAnswer,
        expects: ['absent', 'pending-event', 'already-so'],
      });
      if (answer.ok) return answer.value.action;
      return answer.refusal.topic === 'absent' ? 'absent' : 'pending';
    },
    async remove(id, { lane, signal }) {
      const answer = await client.call({
        doing: `delete droplet ${id}`,
        method: 'DELETE',
        // Never by tag: that would delete everything which has it.
        path: `/droplets/${id}`,
        lane,
        signal,
        answer: z.unknown(),
        expects: ['absent', 'pending-event'],
      });
      if (answer.ok) return 'accepted';
      return answer.refusal.topic === 'absent' ? 'absent' : 'pending';
    },
    async action(id, { lane, signal }) {
      const answer = await client.call({
        doing: 'tell how an action goes',
        method: 'GET',
        path: `/actions/${id}`,
        lane,
        signal,
        answer: actionAnswer,
        expects: ['absent'],
      });
      return answer.ok ? answer.value.action : undefined;
    },
    async newestActions({ lane, signal }) {
      const answer = z.object({ actions: z.array(z.unknown()) });
      const doing = 'tell how actions go';
      const { actions } = await client.get({ doing, path: '/actions?per_page=200', lane, signal, answer });
      return actions.flatMap((each) => action.safeParse(each).data ?? []);
    },
    async tag(id, name, { lane, signal }) {
      const call = { method: 'POST', lane, signal, answer: z.unknown() } as const;
      for (const [path, body] of [
        // Making a tag that is there already is no error.
        ['/tags', { name }],
        [`/tags/${name}/resources`, { resources: [{ resource_id: String(id), resource_type: 'droplet' }] }],
      ] as const) {
        const answer = await client.call({ ...call, doing: `tag droplet ${id}`, path, body });
        if (!answer.ok) throw refused(answer.refusal);
      }
    },
  };
}

const WORDS: Readonly<Record<PowerVerb, string>> = {
  power_on: 'switch on',
  power_off: 'switch off',
  shutdown: 'shut down',
};

/** A number from what the agent kept as text. */
export function dropletId(text: string): number {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(id)) return id;
  throw new ProvisionerError('not-ours', 'what was remembered as the id of a droplet is none');
}
