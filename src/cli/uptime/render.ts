import type { Colors } from '../io.ts';
import { ago, duration, moment } from '../text/duration.ts';
import { table } from '../text/table.ts';
import { chart, LEGEND } from './chart.ts';
import { type Figures, percent, type WindowFigures } from './figures.ts';

const OUTAGES_SHOWN = 20;

/** One line for each contract. */
export function renderOverview(all: readonly Figures[], now: number, colors: Colors): string {
  if (all.length === 0) return 'No machine was looked at yet.';
  const rows = all.map(({ contract, state, at, windows, outages }) => [
    contract.slice(0, 12),
    coloured(state, colors),
    ago(at, now),
    ...windows.map(({ up }) => percent(up)),
    String(outages.length),
  ]);
  const right = { align: 'right' } as const;
  return table(
    [
      { title: 'CONTRACT' },
      { title: 'STATE' },
      { title: 'LOOKED AT' },
      { title: '24 H', ...right },
      { title: '7 D', ...right },
      { title: '30 D', ...right },
      { title: 'OUTAGES', ...right },
    ],
    rows,
  );
}

/** All that is known of one contract. */
export function renderOne(figures: Figures, now: number, colors: Colors): string {
  const { contract, state, at, latencyMs, windows, outages, stretches } = figures;
  const latency = latencyMs === undefined ? '' : `, answered in ${latencyMs} ms`;
  const lines = [
    `${colors.bold('contract')}  ${contract}`,
    `${colors.bold('state')}     ${coloured(state, colors)} (looked at ${ago(at, now)}${latency})`,
    '',
    renderWindows(windows),
    '',
    `24 h  ${chart(stretches, now - 86_400_000, now, 48)}`,
    `30 d  ${chart(stretches, now - 30 * 86_400_000, now, 60)}`,
    colors.dim(`      ${LEGEND}`),
    '',
  ];
  if (outages.length === 0) return [...lines, 'No outage was seen.'].join('\n');
  const shown = outages
    .slice(-OUTAGES_SHOWN)
    .map(({ from, to }) => [moment(from), to === undefined ? 'goes on' : moment(to), duration((to ?? now) - from)]);
  const older =
    outages.length > OUTAGES_SHOWN ? [`(${outages.length - OUTAGES_SHOWN} earlier ones are not shown)`] : [];
  const list = table([{ title: 'DOWN FROM' }, { title: 'UNTIL' }, { title: 'FOR', align: 'right' }], shown);
  return [...lines, list, ...older].join('\n');
}

export function renderWindows(windows: readonly WindowFigures[]): string {
  const right = { align: 'right' } as const;
  const time = (ms: number): string => (ms === 0 ? '–' : duration(ms));
  return table(
    [
      { title: 'LAST' },
      { title: 'UP', ...right },
      { title: 'TIME UP', ...right },
      { title: 'DOWN', ...right },
      { title: 'PAUSED', ...right },
      { title: 'UNCLEAR', ...right },
      { title: 'NOT SEEN', ...right },
    ],
    windows.map(({ name, up, account }) => [
      name,
      percent(up),
      ...[account.up, account.down, account.paused, account.unknown, account.unseen].map(time),
    ]),
  );
}

function coloured(state: Figures['state'], colors: Colors): string {
  if (state === 'up') return colors.green('up');
  if (state === 'down') return colors.red('down');
  return state === 'unseen' ? colors.yellow('not seen') : state;
}
