import type { Guest } from '../state.ts';
import { digestOf } from './machine.ts';
import { typedValue } from './options/options.ts';

/** One row of GET pending: what holds now, and what will hold after the next start. */
export interface PendingRow {
  readonly key: string;
  readonly value?: string | number;
  readonly pending?: string | number;
  readonly delete?: 1;
}

const MASK = '**********';

/** GET config: pending changes as if they held already, or (`current`) only what holds. */
export function configView(guest: Guest, which: 'pending' | 'current'): Record<string, string | number> {
  const view: Record<string, string | number> = {};
  for (const [name, value] of which === 'current' ? inForce(guest) : guest.config) view[name] = shown(name, value);
  if (guest.lock !== undefined) view['lock'] = guest.lock;
  if (guest.template) view['template'] = 1;
  view['digest'] = digestOf(guest);
  return view;
}

export function pendingRows(guest: Guest): PendingRow[] {
  const now = inForce(guest);
  const rows: PendingRow[] = [];
  for (const key of new Set([...now.keys(), ...guest.config.keys()])) {
    const [value, wanted] = [now.get(key), guest.config.get(key)];
    rows.push({
      key,
      ...(value === undefined ? {} : { value: shown(key, value) }),
      ...(wanted === undefined ? { delete: 1 } : wanted === value ? {} : { pending: shown(key, wanted) }),
    });
  }
  if (guest.lock !== undefined) rows.push({ key: 'lock', value: guest.lock });
  if (guest.template) rows.push({ key: 'template', value: 1 });
  rows.push({ key: 'digest', value: digestOf(guest) });
  return rows;
}

/** What the machine runs with, or would start with when it is off. */
export function inForce(guest: Guest): ReadonlyMap<string, string> {
  return guest.started ?? guest.config;
}

function shown(name: string, value: string): string | number {
  return name === 'cipassword' ? MASK : typedValue(name, value);
}
