import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { notFound } from './api.ts';
import type { Plan } from './catalogue.ts';
import type { VultrOptions } from './options.ts';
import { type Account, emptyAccount, type Instance } from './state.ts';

/** `refused`: listed as available and refused all the same, as happens between two looks. */
export type Stock = 'in-stock' | 'sold-out' | 'refused';

/** What endpoints share: the account, its time and chance. */
export interface Cloud {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: VultrOptions;
  readonly account: Account;
  stockOf(plan: Plan, region: string): Stock;
  setStock(plan: string, region: string, stock: Stock): void;
  newId(): string;
  /** The next free address, of the kind that the options ask for. */
  newIpv4(): string;
  newIpv6(): string;
  /** Runs `fn` after `ms` unless the simulator is closed before. */
  later(ms: number, fn: () => void): void;
  /** To be called after every change of an instance that a guest would notice. */
  changed(instance: Instance): void;
  onChange(listener: (instance: Instance) => void): () => void;
  close(): void;
}

export function createCloud(clock: Clock, random: Random, options: VultrOptions): Cloud {
  const stock = new Map<string, Stock>();
  const listeners = new Set<(instance: Instance) => void>();
  const timers = new Set<() => void>();
  let addresses = 0;
  return {
    clock,
    random,
    options,
    account: emptyAccount(),
    stockOf: (plan, region) =>
      plan.locations.includes(region) ? (stock.get(`${plan.id} ${region}`) ?? 'in-stock') : 'sold-out',
    setStock: (plan, region, value) => void stock.set(`${plan} ${region}`, value),
    newId: () => random.uuid(),
    newIpv4() {
      const next = ++addresses;
      const prefix = options.addresses === 'loopback' ? '127.78' : '198.18';
      return `${prefix}.${(next >> 8) & 255}.${next & 255}`;
    },
    newIpv6: () => `2001:db8:5400:${(++addresses).toString(16)}:5400:2ff:fe00:1`,
    later(ms, fn) {
      const cancel = clock.after(ms, () => {
        timers.delete(cancel);
        fn();
      });
      timers.add(cancel);
    },
    changed(instance) {
      for (const listener of listeners) listener(instance);
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

export function instanceOf({ account }: Cloud, id: string): Instance {
  const instance = account.instances.get(id);
  if (!instance) throw notFound('instance');
  return instance;
}
