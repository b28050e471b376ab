import { type Cancel, type Clock, sleep } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { createAuthenticator } from './access/authenticate.ts';
import { accessEndpoints } from './access/index.ts';
import { createRights } from './access/rights.ts';
import { type Admin, createAdmin } from './admin.ts';
import { type ErrorTexts, insteadOf, LOST, type PveAnswer, spoilt } from './answers.ts';
import type { Endpoint, Personality, Pve } from './call.ts';
import { clusterEndpoints } from './cluster/index.ts';
import { startStatd } from './cluster/statd.ts';
import { createDispatcher } from './dispatch.ts';
import { createFaults, type Faults } from './faults.ts';
import { createLocks } from './locks.ts';
import { qemuEndpoints } from './qemu/index.ts';
import type { Cluster, GuestDriver } from './state.ts';
import type { Downloads } from './storage/downloads.ts';
import { storageEndpoints } from './storage/index.ts';
import { createTasks, type Tasks } from './tasks.ts';
import { RECORDED_TIMINGS, type Timings } from './timings.ts';

export interface ProxmoxOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly cluster: Cluster;
  readonly personality?: Personality;
  readonly timings?: Partial<Timings>;
  readonly driver?: GuestDriver;
  /** What download-url finds behind an address; others are fetched when they are on this machine, and fail otherwise. */
  readonly downloads?: Downloads;
  readonly errorTexts?: ErrorTexts;
}

export interface PveRequest {
  readonly method: string;
  /** With its query, as on the wire: `/api2/json/version`. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The node that is asked; the first one when absent. */
  readonly node?: string;
}

/** A cluster without sockets: deterministic, and all its time and chance come from outside. */
export interface ProxmoxCore {
  /** Processes one request. It goes on to its end whatever the caller does. The answer says what the transport must do. */
  handle(request: PveRequest): Promise<PveAnswer>;
  /** The truth, to look at; tests change it through `admin` or the API. */
  readonly cluster: Cluster;
  readonly pve: Pve;
  readonly tasks: Tasks;
  readonly faults: Faults;
  /** What happens to the hosts behind the API's back. */
  readonly admin: Admin;
  /** Every request that arrived, as `METHOD /path` without its query, also those that a fault swallowed. */
  readonly calls: readonly string[];
  readonly endpoints: readonly Endpoint[];
  /** Cancels all timers; the core must not be used after it. */
  close(): Promise<void>;
}

export function createProxmox(options: ProxmoxOptions): ProxmoxCore {
  const { clock, random, cluster, personality = '9.1', driver, errorTexts = 'body' } = options;
  const faults = createFaults();
  const rights = createRights(cluster, personality);
  const locks = createLocks(clock);
  const tasks = createTasks({
    clock,
    bootedAt: (node) => cluster.nodes.get(node)?.startedAt ?? 0,
    faultOf: (type, id) => faults.takeForTask(type, id),
  });
  const pve: Pve = {
    personality,
    cluster,
    clock,
    random,
    timings: { ...RECORDED_TIMINGS, ...options.timings },
    ...(driver ? { driver } : {}),
    ...(options.downloads ? { downloads: options.downloads } : {}),
    tasks,
    task: (spec) => tasks.start(spec),
    taskEnd: (upid) => tasks.end(upid),
    stopTask: (upid) => tasks.stop(upid),
    locked: (name, how, waitMs, fn, log) => locks.locked(name, how, waitMs, fn, log),
    on: (caller, path) => rights.on(caller, path),
    require: (caller, path, privileges, how) => rights.require(caller, path, privileges, how),
    may: (caller, path, privilege) => rights.may(caller, path, privilege),
    login: (user, password) => authenticator.login(user, password),
  };
  const authenticator = createAuthenticator(cluster, clock, random);
  const endpoints = [...accessEndpoints, ...clusterEndpoints, ...storageEndpoints, ...qemuEndpoints];
  const dispatch = createDispatcher({ pve, rights, authenticator, endpoints, errorTexts });
  const stopStatd: Cancel = startStatd(pve);
  const calls: string[] = [];

  return {
    async handle(request) {
      const path = request.path.split('?')[0]?.replace(/^\/api2\/json/, '') ?? '';
      calls.push(`${request.method} ${path}`);
      const fault = faults.take(request.method, path);
      if (fault?.kind === 'delay' && fault.at === 'before') await sleep(clock, fault.ms);
      const early = insteadOf(fault);
      if (early) return early;
      const entry = cluster.nodes.get(request.node ?? '') ?? [...cluster.nodes.values()][0];
      if (!entry?.online) return { ...LOST, delivery: 'refuse' };
      const answer = await dispatch(request, entry.name);
      if (answer.status === 401) await sleep(clock, pve.timings.authFailureMs);
      if (fault?.kind === 'delay' && fault.at !== 'before') await sleep(clock, fault.ms);
      return spoilt(fault, answer);
    },
    cluster,
    pve,
    tasks,
    faults,
    admin: createAdmin(pve, tasks),
    calls,
    endpoints,
    async close() {
      stopStatd();
      for (const node of cluster.nodes.keys()) tasks.killAll(node);
      await driver?.close();
    },
  };
}
