import { createHmac } from 'node:crypto';
import { Agent, request } from 'undici';
import { backoff, type PluginDeps, sleep } from '../../src/provisioner/index.ts';
import { messageOf } from './message.ts';
import type { ManualSettings } from './schema.ts';
import type { Store } from './store.ts';
import type { Task } from './wire.ts';

/** Tells the operator's webhook of tasks, at least once each; a receiver that was told twice sees the same delivery id. */
export interface Notices {
  /** Returns at once. A task that was told before is not told again. */
  tell(task: Task): void;
  /** Ends what is under way; it goes on when the task is next asked for. */
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 300_000;
const ANSWER_WITHIN_MS = 10_000;

export function openNotices(settings: ManualSettings, store: Store, deps: PluginDeps): Notices {
  const url = settings.notification_webhook;
  if (url === undefined) return { tell: () => undefined, close: async () => undefined };
  const http = new Agent({ connect: { timeout: ANSWER_WITHIN_MS } });
  const stop = new AbortController();
  const underWay = new Map<string, Promise<void>>();

  async function deliver(task: Task): Promise<void> {
    if (await store.notified(task)) return;
    for (let attempt = 1; await isOpen(task, store); attempt++) {
      const problem = await post(task);
      if (problem === undefined) return store.markNotified(task);
      stop.signal.throwIfAborted();
      deps.log.warn({ task: task.id, attempt, problem }, 'the webhook did not take the notice of a task');
      await sleep(deps.clock, backoff(deps.random, attempt, FIRST_PAUSE_MS, LONGEST_PAUSE_MS), stop.signal);
    }
  }

  /** What went wrong, without the URL, which is a credential itself. */
  async function post(task: Task): Promise<string | undefined> {
    const body = messageOf(task, settings.webhook_format);
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    try {
      const headers = headersOf(task, body);
      const answer = await request(url?.reveal() ?? '', { method: 'POST', body, headers, signal, dispatcher: http });
      await answer.body.dump({ limit: 65_536 });
      return answer.statusCode >= 200 && answer.statusCode < 300 ? undefined : `status ${answer.statusCode}`;
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
    }
  }

  function headersOf({ id, round }: Task, body: string): Record<string, string> {
    const timestamp = String(Math.floor(deps.clock.now() / 1000));
    const headers = {
      'content-type': 'application/json',
      'dc-agent-delivery': `${id}.${round}`,
      'dc-agent-timestamp': timestamp,
    };
    const key = settings.webhook_secret?.reveal();
    if (key === undefined) return headers;
    const mac = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
    return { ...headers, 'dc-agent-signature': `v1=${mac}` };
  }

  return {
    tell(task) {
      const key = `${task.id}.${task.round}`;
      if (stop.signal.aborted || underWay.has(key)) return;
      const telling = deliver(task)
        .catch((err: unknown) => {
          if (!stop.signal.aborted) deps.log.error({ task: task.id, err }, 'the notice of a task was given up');
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, telling);
    },
    async close() {
      stop.abort(new Error('the target is closed'));
      await Promise.all(underWay.values());
      await http.destroy();
    },
  };
}

/** Nobody needs to hear of what was answered or withdrawn meanwhile. */
async function isOpen(task: Task, store: Store): Promise<boolean> {
  const now = await store.task(task.id);
  if (now === undefined || now.round !== task.round || now.withdrawn === true) return false;
  return (await store.answer(task)) === undefined;
}
