import { z } from 'zod';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import { parseUpid, type Upid } from './tasks-upid.ts';
import { nothing } from './wire.ts';
import * as wire from './wire-tasks.ts';

export interface TaskFilter {
  /** Of a clone: the template's. */
  readonly vmid?: number;
  readonly typefilter?: string;
  /** Seconds since 1970, by the node's clock. */
  readonly since?: number;
}

export interface TaskCalls {
  /** Running and ended tasks of a node, newest first; the caller's own, and with Sys.Audit on the node everybody's. */
  list(node: string, filter: TaskFilter, signal: AbortSignal): Promise<{ upid: Upid; status: string | undefined }[]>;
  /** Needs no right for one's own. A task that the node does not know is refused with the reason `no-task`. */
  status(upid: Upid, signal: AbortSignal): Promise<wire.PveTaskStatus>;
  /** Lines from `start` (0 = the first) on, at most `limit`. */
  log(upid: Upid, range: { start: number; limit: number }, signal: AbortSignal): Promise<string[]>;
  /** A clone that is stopped removes its half-made guest by itself. Stopping one that ended is success. */
  stop(upid: Upid, signal: AbortSignal): Promise<void>;
}

/** One page; a node keeps some thousand tasks, and `since` and the filters bring what is looked for to the front. */
const MOST_TASKS = 500;

export function taskCalls(call: Call): TaskCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  return {
    list: (node, filter, signal) =>
      call(
        {
          ...read,
          doing: `list the tasks of node '${node}'`,
          path: path`/nodes/${node}/tasks`,
          params: { ...filter, source: 'all', limit: MOST_TASKS },
          answer: z.array(wire.taskRow),
        },
        signal,
      ),

    status: (upid, signal) =>
      call({ ...read, doing: 'say how a task is', path: `${at(upid)}/status`, answer: wire.taskStatus }, signal),

    async log(upid, range, signal) {
      const answer = z.array(wire.logLine);
      const lines = await call(
        { ...read, doing: 'show a log', path: `${at(upid)}/log`, params: range, answer },
        signal,
      );
      // An empty log is this one line.
      return lines.flatMap(({ t }) => (t === undefined || t === 'no content' ? [] : [t]));
    },

    stop: (upid, signal) =>
      call({ method: 'DELETE', effect: 'repeatable', doing: 'stop a task', path: at(upid), answer: nothing }, signal),
  };
}

/** Only the node in its id knows a task. */
function at(upid: Upid): string {
  return path`/nodes/${parseUpid(upid)?.node ?? ''}/tasks/${upid}`;
}
