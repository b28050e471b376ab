import type { z } from 'zod';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { EngineAnswer, EngineClient } from './client.ts';
import { isDiskLimitRefused, isNetworkMissing, isPortTaken, type Refusal, saysAbsent } from './errors.ts';
import { Inside } from './inside.ts';
import { labelFilter } from './stamp.ts';
import * as wire from './wire.ts';

/** The calls of the engine that the plugin makes, one method each. Errors are the client's. */
export class Engine {
  readonly #client: EngineClient;
  /** What is done within a container's own walls. */
  readonly inside: Inside;

  constructor(client: EngineClient) {
    this.#client = client;
    this.inside = new Inside(client);
  }

  async info(signal: AbortSignal, timeoutMs?: number): Promise<wire.EngineInfo> {
    return this.#read('say what it is', '/info', wire.engineInfo, signal, timeoutMs);
  }

  /** Containers in every state that carry these labels; all of them when none are given. `unreadable` counts broken entries. */
  async list(
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ containers: wire.ListedContainer[]; unreadable: number }> {
    const entries = await this.#read('list containers', '/containers/json', wire.containerList, signal, undefined, {
      all: '1',
      filters: labelFilter(labels),
    });
    const parsed = entries.map((entry) => wire.listedContainer.safeParse(entry));
    const containers = parsed.flatMap((entry) => (entry.success ? [entry.data] : []));
    return { containers, unreadable: parsed.length - containers.length };
  }

  /** Undefined only when the engine said in its own words that there is no such container. */
  async inspect(idOrName: string, signal: AbortSignal): Promise<wire.InspectedContainer | undefined> {
    const answer = await this.#client.call({
      doing: 'inspect a container',
      method: 'GET',
      path: `/containers/${encodeURIComponent(idOrName)}/json`,
      answer: wire.inspectedContainer,
      expects: absent,
      signal,
    });
    if (!answer.ok) return undefined;
    const { Id, Name } = answer.value;
    if (Id === idOrName || Name === `/${idOrName}`) return answer.value;
    if (isContainerId(idOrName))
      throw new ProvisionerError('retry', 'Docker answered about another container than was asked for');
    // The engine also takes a name for the beginning of an id, which is a stranger's.
    return undefined;
  }

  /** Undefined when the engine has no such image. */
  async inspectImage(name: string, signal: AbortSignal): Promise<wire.InspectedImage | undefined> {
    const answer = await this.#client.call({
      doing: 'look up an image',
      method: 'GET',
      path: `/images/${name}/json`,
      answer: wire.inspectedImage,
      expects: ({ status, message }) => status === 404 && /no such image/i.test(message),
      signal,
    });
    return answer.ok ? answer.value : undefined;
  }

  /** Undefined when the engine has no such network. */
  async inspectNetwork(name: string, signal: AbortSignal): Promise<z.infer<typeof wire.network> | undefined> {
    const answer = await this.#client.call({
      doing: 'look up a network',
      method: 'GET',
      path: `/networks/${encodeURIComponent(name)}`,
      answer: wire.network,
      expects: ({ status, message }) => status === 404 && /^(?:network .* not found|no such network)/i.test(message),
      signal,
    });
    return answer.ok && answer.value.Name === name ? answer.value : undefined;
  }

  /** False when a network of that name exists already. */
  async createNetwork(body: object, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#client.call({
      doing: 'create a network',
      method: 'POST',
      path: '/networks/create',
      body,
      expects: ({ status }) => status === 409,
      signal,
    });
    return answer.ok;
  }

  /** A refusal is returned when the name is in use, or the disk cannot be limited. */
  async create(name: string, body: object, signal: AbortSignal): Promise<EngineAnswer<{ Id: string }>> {
    return this.#client.call({
      doing: `create container ${name}`,
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body,
      answer: wire.created,
      expects: (refusal) => refusal.status === 409 || isDiskLimitRefused(refusal),
      signal,
    });
  }

  /** Unpacks a tar archive at the root of a container's file system, running or not. */
  async upload(id: string, archive: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#client.call({
      doing: 'put files into a container',
      method: 'PUT',
      path: `/containers/${id}/archive`,
      query: { path: '/' },
      body: archive,
      signal,
    });
  }

  /** Starting what runs is fine. The refusal is returned when the host port is taken, the network gone or the disk not to be limited. */
  async start(id: string, signal: AbortSignal): Promise<Refusal | undefined> {
    const answer = await this.#client.call({
      doing: 'start a container',
      method: 'POST',
      path: `/containers/${id}/start`,
      expects: (refusal) => isPortTaken(refusal) || isNetworkMissing(refusal) || isDiskLimitRefused(refusal),
      signal,
    });
    return answer.ok ? undefined : answer.refusal;
  }

  /**
   * Ties a container that is off to a network anew. A container remembers its network by an id, which a network that was removed
   * and made again does not have.
   */
  async reconnect(network: string, id: string, signal: AbortSignal): Promise<void> {
    const path = `/networks/${encodeURIComponent(network)}`;
    await this.#client.call({
      doing: 'untie a container from its lost network',
      method: 'POST',
      path: `${path}/disconnect`,
      body: { Container: id, Force: true },
      expects: ({ message }) => /is not connected to/i.test(message),
      signal,
    });
    await this.#client.call({
      doing: 'tie a container to its network again',
      method: 'POST',
      path: `${path}/connect`,
      body: { Container: id },
      signal,
    });
  }

  /** Asks the machine to end, kills it after the grace. Stopping what is off is fine. */
  async stop(id: string, graceSeconds: number, signal: AbortSignal, timeoutMs: number): Promise<void> {
    await this.#client.call({
      doing: 'stop a container',
      method: 'POST',
      path: `/containers/${id}/stop`,
      query: { t: String(graceSeconds) },
      signal,
      timeoutMs: graceSeconds * 1000 + timeoutMs,
    });
  }

  async unpause(id: string, signal: AbortSignal): Promise<void> {
    await this.#client.call({
      doing: 'wake a container',
      method: 'POST',
      path: `/containers/${id}/unpause`,
      // Somebody else woke it first.
      expects: ({ status, message }) => /not paused/i.test(message) && (status === 409 || status === 500),
      signal,
    });
  }

  /** Kills and removes a container with its anonymous volumes. Resolves before the engine is done; absence is not an error. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.#client.call({
      doing: 'remove a container',
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { force: '1', v: '1' },
      expects: (refusal) => absent(refusal) || (refusal.status === 409 && /already in progress/i.test(refusal.message)),
      signal,
    });
  }

  /** Removes a container that is not running; one that runs meanwhile is left alone. */
  async removeIdle(id: string, signal: AbortSignal): Promise<void> {
    await this.#client.call({
      doing: 'remove a container that never ran',
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { v: '1' },
      expects: (refusal) => absent(refusal) || refusal.status === 409,
      signal,
    });
  }

  /** Undefined when the container went away or is off meanwhile. */
  async stats(id: string, signal: AbortSignal): Promise<z.infer<typeof wire.stats> | undefined> {
    const answer = await this.#client.call({
      doing: 'read the counters of a container',
      method: 'GET',
      path: `/containers/${id}/stats`,
      // Without one-shot the engine waits a second for a processor figure that nobody needs here.
      query: { stream: 'false', 'one-shot': 'true' },
      answer: wire.stats,
      expects: (refusal) => absent(refusal) || refusal.status === 409,
      signal,
    });
    return answer.ok ? answer.value : undefined;
  }

  /** Resolves when the stream ended; a failure inside the stream is the last line's `error`. */
  async pull(
    name: string,
    tag: string | undefined,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<string | undefined> {
    let failure: string | undefined;
    const progress = this.#client.lines({
      doing: `pull image ${name}`,
      method: 'POST',
      path: '/images/create',
      query: { fromImage: name, ...(tag === undefined ? {} : { tag }) },
      answer: wire.pullProgress,
      signal,
      timeoutMs,
    });
    for await (const line of progress) failure = line.errorDetail?.message ?? line.error ?? failure;
    return failure;
  }

  /** What happens to containers with these labels, from `sinceMs` on, until the signal or the engine ends it. */
  events(
    labels: Readonly<Record<string, string>>,
    sinceMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<z.infer<typeof wire.event>, void, undefined> {
    const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    return this.#client.lines({
      doing: 'tell what happens',
      method: 'GET',
      path: '/events',
      query: { since: (sinceMs / 1000).toFixed(3), filters: JSON.stringify({ type: ['container'], label }) },
      answer: wire.event,
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
    });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #read<Answer>(
    doing: string,
    path: string,
    answer: z.ZodType<Answer>,
    signal: AbortSignal,
    timeoutMs?: number,
    query?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const result = await this.#client.call({
      doing,
      method: 'GET',
      path,
      answer,
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(query === undefined ? {} : { query }),
    });
    if (result.ok) return result.value;
    throw new Error('unreachable: a call that expects no refusal throws it');
  }
}

/** Only whole ids are ever sent where an id is meant. */
export function isContainerId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function absent({ status, message }: Refusal): boolean {
  return saysAbsent(status, message);
}
