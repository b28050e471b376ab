import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type Actions, createActions } from './actions.ts';
import { HetznerRefusal, notFound } from './api.ts';
import { publicImages, serverTypes } from './catalogue.ts';
import type { HetznerOptions, Limits } from './options.ts';
import { emptyProject, type Project, type Resource, type Server, type ServerType } from './state.ts';

/** `refused`: shown as available and refused all the same, as happens with accounts that may not order everything. */
export type Stock = 'in-stock' | 'sold-out' | 'refused';

/** What endpoints share: the project, its time and chance, its limits. */
export interface Cloud {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: HetznerOptions;
  readonly project: Project;
  readonly actions: Actions;
  readonly types: readonly ServerType[];
  readonly limits: Limits;
  stockOf(type: ServerType, location: string): Stock;
  setStock(type: string, location: string, stock: Stock): void;
  /** The next id of this kind. No two kinds share a number, so that a mix-up shows. */
  nextId(type: Resource['type'] | 'ssh_key'): number;
  /** Runs `fn` after `ms` unless the simulator is closed before. */
  later(ms: number, fn: () => void): void;
  /** To be called after every change of a server that a guest would notice. */
  changed(server: Server): void;
  onChange(listener: (server: Server) => void): () => void;
  close(): void;
}

const FIRST_IDS = {
  server: 140_000_000,
  image: 310_000_000,
  volume: 105_000_000,
  primary_ip: 90_000_000,
  firewall: 2_500_000,
  network: 11_000_000,
  placement_group: 950_000,
  ssh_key: 30_000_000,
} as const;

export function createCloud(clock: Clock, random: Random, options: HetznerOptions): Cloud {
  const actions = createActions(clock);
  const ids = new Map<string, number>();
  const stock = new Map<string, Stock>();
  const listeners = new Set<(server: Server) => void>();
  const timers = new Set<() => void>();
  return {
    clock,
    random,
    options,
    project: emptyProject(publicImages(clock.now())),
    actions,
    types: serverTypes(clock.now()),
    limits: { ...options.limits },
    stockOf: (type, location) =>
      type.locations.includes(location) ? (stock.get(`${type.name} ${location}`) ?? 'in-stock') : 'sold-out',
    setStock: (type, location, value) => void stock.set(`${type} ${location}`, value),
    nextId(type) {
      const next = (ids.get(type) ?? FIRST_IDS[type]) + 1;
      ids.set(type, next);
      return next;
    },
    later(ms, fn) {
      const cancel = clock.after(ms, () => {
        timers.delete(cancel);
        fn();
      });
      timers.add(cancel);
    },
    changed(server) {
      for (const listener of listeners) listener(server);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      actions.close();
      for (const cancel of timers) cancel();
      timers.clear();
      listeners.clear();
    },
  };
}

export function serverOf(cloud: Cloud, id: number): Server {
  const server = cloud.project.servers.get(id);
  if (!server) throw notFound(`server with ID '${id}'`);
  return server;
}

/** Throws `locked` while another action is at work on it. */
export function refuseIfBusy(cloud: Cloud, type: Resource['type'], id: number): void {
  if (cloud.actions.busy(type, id)) throw new HetznerRefusal('locked', `${type} is locked`);
}

export function refuseIfProtected({ protection }: { readonly protection: { readonly delete: boolean } }): void {
  if (protection.delete) throw new HetznerRefusal('protected', 'resource is protected from deletion');
}

export function refuseAboveLimit(count: number, limit: number, what: string, name: string): void {
  if (count < limit) return;
  throw new HetznerRefusal('resource_limit_exceeded', `${what} limit exceeded`, { limits: [{ name }] });
}

/** Throws `uniqueness_error` when another row has this name. Names are compared as host names are: without regard for case. */
export function refuseTakenName(
  rows: ReadonlyMap<number, { readonly id: number; readonly name: string }>,
  name: string,
  what: string,
  self?: number,
): void {
  for (const row of rows.values()) {
    if (row.id === self || row.name.toLowerCase() !== name.toLowerCase()) continue;
    throw new HetznerRefusal('uniqueness_error', `${what} name is already used`, { fields: [{ name: 'name' }] });
  }
}

/** Ids and names share one field; a text of digits is an id. */
export function isIdOrName(
  row: { readonly id: number; readonly name: string | null },
  given: string | number,
): boolean {
  if (typeof given === 'number' || /^[0-9]+$/.test(given)) return row.id === Number(given);
  return row.name === given;
}
