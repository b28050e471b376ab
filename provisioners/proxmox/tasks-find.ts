import type { Pve } from './api.ts';
import { type ParsedUpid, parseUpid } from './tasks-upid.ts';

export interface TaskQuery {
  readonly node: string;
  /** `qmclone`, `qmcreate`, `qmdestroy`, … */
  readonly type: string;
  /** The guest it works on. Of a clone the template: the new guest's id is not in it. */
  readonly vmid?: number;
  /** Whose, `user@realm!token`; absent = of everybody whom the caller may see. */
  readonly who?: string;
  /** Milliseconds since 1970. Clocks differ: what began up to five minutes before is listed too. */
  readonly since?: number;
}

export interface FoundTask extends ParsedUpid {
  /** `unexpected status` and worse are for `waitForTask` to tell. */
  readonly state: 'running' | 'ended';
}

const CLOCK_SLACK_MS = 5 * 60_000;

/**
 * Tasks that fit, newest first: to find the one whose id was lost with the answer. An empty list does not prove that nothing was
 * begun: a request may still be queued on its way to a worker.
 */
export async function findTasks(pve: Pick<Pve, 'tasks'>, query: TaskQuery, signal: AbortSignal): Promise<FoundTask[]> {
  const { node, type, vmid, who, since } = query;
  const filter = {
    typefilter: type,
    ...(vmid === undefined ? {} : { vmid }),
    ...(since === undefined ? {} : { since: Math.max(0, Math.floor((since - CLOCK_SLACK_MS) / 1000)) }),
  };
  const rows = await pve.tasks.list(node, filter, signal);
  return rows
    .flatMap(({ upid, status }): FoundTask[] => {
      const parsed = parseUpid(upid);
      // The filters are asked again here: a host that does not know one leaves it out.
      const fits = parsed?.type === type && (vmid === undefined || parsed.id === String(vmid));
      if (parsed === undefined || !fits || (who !== undefined && parsed.who !== who)) return [];
      return [{ ...parsed, state: status === undefined || status === 'RUNNING' ? 'running' : 'ended' }];
    })
    .sort((a, b) => b.startedAt - a.startedAt);
}
