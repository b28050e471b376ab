import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { DoRefusal, PENDING_EVENT } from './api.ts';
import { IMAGES, type Image, REGIONS } from './catalogue.ts';
import type { DoOptions } from './options.ts';
import type { Account, Action, Droplet } from './state.ts';

/** `sold-out`: the size is not in the region's list. `refused`: listed, and refused all the same. */
export type Stock = 'in-stock' | 'sold-out' | 'refused';

/** What the endpoints work on. */
export interface Cloud {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: DoOptions;
  readonly account: Account;
  readonly images: Image[];
  dropletLimit: number;
  accountStatus: 'active' | 'warning' | 'locked';
  /** By `size region`; what is missing is in stock. */
  readonly stock: Map<string, Stock>;
  nextId(): number;
  /** Runs later, unless the simulation ends. */
  later(ms: number, fn: () => void): void;
  changed(droplet: Droplet): void;
  onChange(listener: (droplet: Readonly<Droplet>) => void): Cancel;
  close(): void;
}

export function createCloud(clock: Clock, random: Random, options: DoOptions): Cloud {
  let id = 400_000_000;
  const timers = new Set<Cancel>();
  const listeners = new Set<(droplet: Readonly<Droplet>) => void>();
  const account: Account = {
    droplets: new Map(),
    actions: new Map(),
    keys: new Map(),
    firewalls: new Map(),
    vpcs: new Map(),
    volumes: new Map(),
    snapshots: new Map(),
    tags: new Set(),
  };
  for (const { slug } of REGIONS) {
    const vpc = { id: random.uuid(), name: `default-${slug}`, region: slug, isDefault: true };
    account.vpcs.set(vpc.id, vpc);
  }
  return {
    clock,
    random,
    options,
    account,
    images: [...IMAGES],
    dropletLimit: options.dropletLimit,
    accountStatus: 'active',
    stock: new Map(),
    nextId: () => ++id,
    later(ms, fn) {
      const cancel = clock.after(ms, () => {
        timers.delete(cancel);
        fn();
      });
      timers.add(cancel);
    },
    changed(droplet) {
      for (const listener of listeners) listener(droplet);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      for (const cancel of timers) cancel();
      timers.clear();
      listeners.clear();
    },
  };
}

/** What becomes of an action once its time has come. */
export interface Ending {
  readonly ms: number;
  readonly status?: 'completed' | 'errored';
  readonly after: () => void;
}

/** Starts an action on a droplet. Throws while another is at work on it. */
export function startAction(cloud: Cloud, droplet: Droplet, type: string, { ms, status, after }: Ending): Action {
  refuseIfPending(droplet);
  const action: Action = {
    id: cloud.nextId(),
    type,
    status: 'in-progress',
    started: cloud.clock.now(),
    completed: undefined,
    droplet: droplet.id,
    region: droplet.region.slug,
  };
  cloud.account.actions.set(action.id, action);
  droplet.pending = action.id;
  cloud.later(ms, () => {
    action.status = status ?? 'completed';
    action.completed = cloud.clock.now();
    if (droplet.pending === action.id) droplet.pending = undefined;
    if (cloud.account.droplets.has(droplet.id)) after();
    cloud.changed(droplet);
  });
  return action;
}

export function refuseIfPending({ pending }: Droplet): void {
  if (pending !== undefined) throw new DoRefusal('unprocessable_entity', PENDING_EVENT);
}
