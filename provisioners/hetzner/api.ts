import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from './client.ts';
import { type Refusal, refused } from './errors.ts';
import type { Labels } from './labels.ts';
import { listAll, type Page, type Wanted } from './pages.ts';
import { type Action, actionAnswer, actionList, passwordAnswer, type Server, server, serverAnswer } from './wire.ts';

/** What became of a call that changes one server. `locked`: another action is running on it. */
export type Acceptance = { readonly action: Action } | 'absent' | 'locked';

export type PowerVerb = 'poweron' | 'poweroff' | 'shutdown';

/** The calls about servers and actions. Ids are the API's own numbers. */
export interface HetznerApi {
  /** Undefined only when the API said, in its own words, that there is no such server. */
  server(id: number, asking: Asking): Promise<Server | undefined>;
  servers(query: Wanted, asking: Asking): Promise<Page<Server>>;
  power(id: number, verb: PowerVerb, asking: Asking): Promise<Acceptance>;
  remove(id: number, asking: Asking): Promise<Acceptance>;
  /** Those that still run, on one server. */
  running(id: number, asking: Asking): Promise<readonly Action[]>;
  /** At most 25 at a time. What the answer leaves out is not there. */
  actions(ids: readonly number[], asking: Asking): Promise<readonly Action[]>;
  snapshot(id: number, description: string, labels: Labels, asking: Asking): Promise<Acceptance>;
  resetPassword(id: number, asking: Asking): Promise<{ action: Action; password: string } | Refusal>;
}

/** `conflict` is what a server says that is being deleted, or that somebody else changes at the same moment. */
const ALIVE = ['not_found', 'locked', 'conflict'];

export function createApi(client: HetznerClient): HetznerApi {
  async function change(
    doing: string,
    method: 'POST' | 'DELETE',
    path: string,
    { lane, signal }: Asking,
  ): Promise<Acceptance> {
    const answer = await client.call({ doing, method, path, lane, signal, answer: actionAnswer, expects: ALIVE });
    if (answer.ok) return answer.value;
    return isAbsent(answer.refusal) ? 'absent' : lockedOrThrow(answer.refusal);
  }

  return {
    async server(id, { lane, signal }) {
      const doing = `show server ${id}`;
      const path = `/servers/${id}`;
      const answer = await client.call({
        doing,
        method: 'GET',
        path,
        lane,
        signal,
        answer: serverAnswer,
        expects: ['not_found'],
      });
      if (answer.ok) return answer.value.server;
      if (isAbsent(answer.refusal)) return undefined;
      throw refused(answer.refusal);
    },
    servers: (query, asking) => listAll(client, { path: '/servers', key: 'servers', entry: server, query }, asking),
    power: (id, verb, asking) =>
      change(`${WORDS[verb]} server ${id}`, 'POST', `/servers/${id}/actions/${verb}`, asking),
    remove: (id, asking) => change(`delete server ${id}`, 'DELETE', `/servers/${id}`, asking),
    async running(id, { lane, signal }) {
      const answer = await client.call({
        doing: `list what is being done to server ${id}`,
        method: 'GET',
        path: `/servers/${id}/actions`,
        query: [['status', 'running']],
        lane,
        signal,
        answer: actionList,
        expects: ['not_found'],
      });
      if (answer.ok) return answer.value.actions;
      if (isAbsent(answer.refusal)) return [];
      throw refused(answer.refusal);
    },
    async actions(ids, { lane, signal }) {
      const query = ids.map((id) => ['id', String(id)] as const);
      const doing = 'tell how actions go';
      return (await client.get({ doing, path: '/actions', query, lane, signal, answer: actionList })).actions;
    },
    async snapshot(id, description, labels, { lane, signal }) {
      const answer = await client.call({
        doing: `take a snapshot of server ${id}`,
        method: 'POST',
        path: `/servers/${id}/actions/create_image`,
        body: { type: 'snapshot', description, labels },
        lane,
        signal,
        answer: actionAnswer,
        expects: ALIVE,
        lost: 'unknown-outcome',
      });
      if (answer.ok) return answer.value;
      return isAbsent(answer.refusal) ? 'absent' : lockedOrThrow(answer.refusal);
    },
    async resetPassword(id, { lane, signal }) {
      const answer = await client.call({
        doing: `set a new password in server ${id}`,
        method: 'POST',
        path: `/servers/${id}/actions/reset_password`,
        lane,
        signal,
        answer: passwordAnswer,
        expects: ['not_found', 'locked', 'invalid_input', 'service_error'],
      });
      if (!answer.ok) return answer.refusal;
      return { action: answer.value.action, password: answer.value.root_password };
    },
  };
}

const WORDS: Readonly<Record<PowerVerb, string>> = {
  poweron: 'switch on',
  poweroff: 'switch off',
  shutdown: 'shut down',
};

/**
 * "There is no such thing" is status 404 and the code `not_found`, both. A path that does not exist is answered with 404 too,
 * so an endpoint with a typing mistake would otherwise turn every deletion into a success.
 */
export function isAbsent({ status, code }: Refusal): boolean {
  return status === 404 && code === 'not_found';
}

function lockedOrThrow(refusal: Refusal): 'locked' {
  if (refusal.code === 'locked' || refusal.code === 'conflict') return 'locked';
  throw refused(refusal);
}

/** A number from what the agent kept as text. */
export function serverId(text: string): number {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(id)) return id;
  throw new ProvisionerError('not-ours', 'what was remembered as the id of a server is none');
}
