import type { Stretch } from '../../../simulators/demo/figures.ts';
import type { DemoReport, Spread } from '../../../simulators/demo/report.ts';
import type { Colors } from '../io.ts';
import { duration } from '../text/duration.ts';
import { table } from '../text/table.ts';

/** More contracts than this are summed up. */
const FEW = 5;

/** Where the time went, for people. */
export function renderReport(report: DemoReport, colors: Colors): string {
  const { backend, summary, contracts } = report;
  const made = backend.simulated ? `${backend.type} (simulated)` : backend.type;
  const blocks = [
    colors.bold(`Where the time went, on ${made}`),
    part('From the rental to the word that the machine is there:', 'POLL', rows(report, 'delivery'), colors),
    share(summary.delivery, backend.simulated),
    part('From the cancellation to the word that it is gone:', 'POLL', rows(report, 'removal'), colors),
  ];
  if (contracts.length > FEW)
    blocks.push(
      colors.dim(
        'Each figure is the median, or the 95th percentile, of its own column. AGENT holds the wait for a lane at the end.',
      ),
    );
  return blocks.filter((block) => block !== '').join('\n\n');
}

type Row = readonly [name: string, stretch: Stretch];

function rows({ contracts, summary }: DemoReport, which: 'delivery' | 'removal'): Row[] {
  const named: (readonly [string, Stretch | undefined])[] =
    contracts.length > FEW
      ? [
          ['median', summary[which].median],
          ['p95', summary[which].p95],
        ]
      : contracts.map((one) => [one.contract.slice(0, 8), one[which]]);
  return named.flatMap(([name, stretch]) => (stretch === undefined ? [] : [[name, stretch] as const]));
}

function part(title: string, wait: string, lines: readonly Row[], colors: Colors): string {
  const [first] = lines;
  if (first === undefined) return '';
  const names = [wait, ...Object.keys(first[1].steps).map((step) => step.toUpperCase()), 'AGENT', 'TOTAL'];
  const cells = lines.map(([name, { waitMs, steps, ownMs, totalMs }]) => [
    name,
    ...[waitMs, ...Object.values(steps), ownMs].map(duration),
    colors.bold(duration(totalMs)),
  ]);
  const columns = names.map((name) => ({ title: name, align: 'right' as const }));
  return `${title}\n${table([{ title: 'CONTRACT' }, ...columns], cells)}`;
}

/** The middle delivery, by whom its time was taken. */
function share({ median }: Spread, simulated: boolean): string {
  if (median === undefined) return '';
  const { waitMs, steps, ownMs, totalMs } = median;
  const took = (...names: readonly string[]): string =>
    duration(names.reduce((sum, name) => sum + (steps[name] ?? 0), 0));
  const rows = [
    [
      duration(waitMs),
      'POLL: until the agent saw the contract, which it looks for every second here (every 3 s by default),',
    ],
    ['', 'and had a free lane'],
    [took('claim', 'announce', 'deliver'), 'calls to the platform: CLAIM, ANNOUNCE, DELIVER'],
    [
      took('create', 'verify'),
      `the ${simulated ? 'simulated ' : ''}backend: CREATE, and VERIFY until its SSH server took the tenant’s key`,
    ],
    [duration(ownMs), 'AGENT: the agent’s own share, for deciding and for its journal on disk'],
  ];
  return `The median delivery took ${duration(totalMs)}:\n${table([{ title: '', align: 'right' }, { title: '' }], rows)}`;
}
