import { monthOf, type TrafficTotals } from '../../agent/index.ts';
import type { Colors } from '../io.ts';
import { ago } from '../text/duration.ts';
import { table } from '../text/table.ts';

const HOUR_MS = 3_600_000;
const SHOWN_HOURS = 24;
const BARS = '▁▂▃▄▅▆▇█';
/** A look that is older than this says nothing about now. */
const FRESH_MS = 300_000;

export interface Shown {
  readonly now: number;
  /** Bytes that each machine may move in a month, both directions together. */
  readonly allowance?: number | undefined;
  /** How fast a machine is that has moved more; undefined where it is not slowed down. */
  readonly throttleMbit?: number | undefined;
}

/** All machines, those that moved most this month first. */
export function renderTraffic(contracts: ReadonlyMap<string, TrafficTotals>, shown: Shown): string {
  const { now, allowance } = shown;
  if (contracts.size === 0) return 'No traffic is recorded yet.';
  const rows = [...contracts]
    .sort(([, one], [, other]) => used(other, now) - used(one, now))
    .map(([contract, totals]) => [
      contract.slice(0, 12),
      bytes(totals.in),
      bytes(totals.out),
      bytes(used(totals, now)),
      ...(allowance === undefined ? [] : [share(used(totals, now), allowance)]),
      rate(totals, 'in', now),
      rate(totals, 'out', now),
      chart(totals, now),
    ]);
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    [
      { title: 'CONTRACT' },
      ...['IN', 'OUT', 'THIS MONTH', ...(allowance === undefined ? [] : ['ALLOWANCE']), 'IN NOW', 'OUT NOW'].map(right),
      { title: `LAST ${SHOWN_HOURS} HOURS` },
    ],
    rows,
  );
}

/** One machine, by the hour. */
export function renderOne(
  contract: string,
  totals: TrafficTotals,
  { now, colors, allowance, throttleMbit }: Shown & { readonly colors: Colors },
): string {
  const { month } = totals;
  const head = [
    `${colors.bold('contract')}  ${contract}`,
    `${colors.bold('total')}     ${bytes(totals.in)} in, ${bytes(totals.out)} out`,
    `${colors.bold('month')}     ${bytes(month.in)} in, ${bytes(month.out)} out (${month.name}, UTC)`,
    ...(allowance === undefined
      ? []
      : [`${colors.bold('allowance')} ${allowanceText(used(totals, now), allowance, throttleMbit)}`]),
    `${colors.bold('now')}       ${rate(totals, 'in', now)} in, ${rate(totals, 'out', now)} out`,
    `${colors.bold('looked')}    ${ago(totals.at, now)}, at the ${totals.source === 'backend' ? 'machine’s network card' : 'ports of this host'}`,
  ];
  const hours = recentHours(totals, now);
  const most = Math.max(1, ...hours.map(sum));
  const rows = hours.map((one) => [
    `${new Date(one.hour * HOUR_MS).toISOString().slice(11, 16)}Z`,
    bytes(one.in),
    bytes(one.out),
    '█'.repeat(Math.round((sum(one) / most) * 40)),
  ]);
  return [
    ...head,
    '',
    table([{ title: 'HOUR' }, { title: 'IN', align: 'right' }, { title: 'OUT', align: 'right' }, { title: '' }], rows),
  ].join('\n');
}

type Direction = 'in' | 'out';

function sum(one: { readonly in: number; readonly out: number }): number {
  return one.in + one.out;
}

/** In the month that it is now; the totals may be of an earlier one. */
function used({ month }: TrafficTotals, now: number): number {
  return month.name === monthOf(now) ? sum(month) : 0;
}

function share(moved: number, allowance: number): string {
  return moved > allowance ? 'used up' : `${Math.floor((moved / allowance) * 100)} %`;
}

function allowanceText(moved: number, allowance: number, throttleMbit: number | undefined): string {
  const of = `${bytes(moved)} of ${bytes(allowance)}`;
  if (moved <= allowance) return `${of}, ${share(moved, allowance)}`;
  const slowed = throttleMbit === undefined ? '' : `; slowed to ${throttleMbit} Mbit/s until the month (UTC) is over`;
  return `${of}, used up${slowed}`;
}

function recentHours({ hours }: TrafficTotals, now: number): { hour: number; in: number; out: number }[] {
  const last = Math.floor(now / HOUR_MS);
  return Array.from({ length: SHOWN_HOURS }, (_, index) => {
    const hour = last - SHOWN_HOURS + 1 + index;
    const moved = hours.find((one) => one.hour === hour);
    return { hour, in: moved?.in ?? 0, out: moved?.out ?? 0 };
  });
}

function chart(totals: TrafficTotals, now: number): string {
  const hours = recentHours(totals, now).map(sum);
  const most = Math.max(...hours);
  return hours
    .map((moved) =>
      moved === 0 ? '·' : (BARS[Math.min(BARS.length - 1, Math.floor((moved / most) * BARS.length))] ?? ''),
    )
    .join('');
}

function rate(totals: TrafficTotals, direction: Direction, now: number): string {
  if (totals.rate === undefined || now - totals.at > FRESH_MS) return '-';
  return `${bytes(totals.rate[direction])}/s`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units, three digits: what providers are billed by. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}
