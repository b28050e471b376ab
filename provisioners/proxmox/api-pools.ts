import { z } from 'zod';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import { CLUSTER_WRITES } from './gate-lanes.ts';
import * as wire from './wire.ts';

/** By the paths that every version has; 8.2 added others, for pools inside pools, and left these. */
export interface PoolCalls {
  list(signal: AbortSignal): Promise<{ poolid: string; comment?: string | undefined }[]>;
  /** With its members. Needs Pool.Audit. */
  get(pool: string, signal: AbortSignal): Promise<wire.PvePool>;
  create(pool: string, comment: string, signal: AbortSignal): Promise<void>;
  /** Puts guests and storages into a pool. One that is in it is refused with the reason `exists`. */
  add(
    pool: string,
    members: { vms?: readonly number[]; storages?: readonly string[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** Takes guests and storages out of a pool; they themselves stay as they are. */
  takeOut(
    pool: string,
    members: { vms?: readonly number[]; storages?: readonly string[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** A pool with members is refused with the reason `in-use`. Its ACL entries go with it. */
  remove(pool: string, signal: AbortSignal): Promise<void>;
}

export function poolCalls(call: Call): PoolCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  const write = { effect: 'repeatable', lane: CLUSTER_WRITES, answer: wire.nothing } as const;
  const joined = (members: { vms?: readonly number[]; storages?: readonly string[] }) => ({
    vms: members.vms?.join(','),
    storage: members.storages?.join(','),
  });
  return {
    list: (signal) => call({ ...read, doing: 'list pools', path: '/pools', answer: z.array(wire.poolRow) }, signal),

    get: (pool, signal) =>
      call({ ...read, doing: `show pool '${pool}'`, path: path`/pools/${pool}`, answer: wire.pool }, signal),

    create: (pool, comment, signal) =>
      call(
        {
          ...write,
          method: 'POST',
          doing: `create pool '${pool}'`,
          path: '/pools',
          params: { poolid: pool, comment },
        },
        signal,
      ),

    add: (pool, members, signal) =>
      call(
        {
          ...write,
          method: 'PUT',
          doing: `add to pool '${pool}'`,
          path: path`/pools/${pool}`,
          params: joined(members),
        },
        signal,
      ),

    takeOut: (pool, members, signal) =>
      call(
        {
          ...write,
          method: 'PUT',
          doing: `take out of pool '${pool}'`,
          path: path`/pools/${pool}`,
          params: { ...joined(members), delete: true },
        },
        signal,
      ),

    remove: (pool, signal) =>
      call({ ...write, method: 'DELETE', doing: `remove pool '${pool}'`, path: path`/pools/${pool}` }, signal),
  };
}
