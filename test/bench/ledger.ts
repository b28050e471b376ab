import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openLedger } from '../../src/ledger/index.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { type Bench, type Figure, type Findings, median, type Scope } from './figure.ts';
import { writeLedger } from './owned.ts';
import { inPlace } from './place.ts';

export const ledger: Bench = {
  name: 'ledger',
  about: 'Opening the ledger of contracts that were delivered, and how large it is; real disk.',
  run: measure,
};

interface Size {
  readonly contracts: number;
  /** Opening it: lock, read, check, fold. */
  readonly replayMs: number;
  readonly compactMs: number;
  readonly megabytes: number;
  /** Opening it when no snapshot was ever made, snapshot included. */
  readonly journalMs: number;
}

async function measure(scope: Scope): Promise<Findings> {
  const sizes: Size[] = [];
  for (const contracts of scope.quick ? [10, 1_000] : [10, 100, 1_000, 10_000]) {
    scope.progress(`${contracts} contracts`);
    sizes.push(await inPlace((directory) => size(directory, contracts)));
  }
  const [before, last] = sizes.slice(-2);
  if (before === undefined || last === undefined) throw new Error('nothing was measured');
  return {
    figures: [...figures(last), growth(before, last)],
    curves: [
      {
        name: 'ledger',
        title: 'Opening the ledger',
        x: 'contracts',
        y: 'ms',
        scale: 'log',
        series: [
          { name: 'with its snapshot', points: sizes.map((one) => [one.contracts, one.replayMs]) },
          { name: 'journal only, and making the snapshot', points: sizes.map((one) => [one.contracts, one.journalMs]) },
          { name: 'promised for 10,000', points: [[10_000, 1_000]] },
        ],
      },
    ],
  };
}

function figures({ contracts, replayMs, journalMs, compactMs, megabytes }: Size): Figure[] {
  return [
    { what: `replay of ${contracts} contracts`, value: replayMs, unit: 'ms', promise: { of: 'value', atMost: 1_000 } },
    {
      what: `the same without a snapshot, which it then makes`,
      value: journalMs,
      unit: 'ms',
      against: { what: 'replay', value: replayMs },
    },
    {
      what: `snapshot of ${contracts} contracts`,
      value: compactMs,
      unit: 'ms',
      against: { what: 'replay', value: replayMs },
    },
    { what: `size with ${contracts} contracts`, value: megabytes, unit: 'MB' },
  ];
}

function growth(before: Size, last: Size): Figure {
  return {
    what: `replay for each of ${last.contracts} contracts`,
    value: (last.replayMs / last.contracts) * 1000,
    unit: 'us',
    against: { what: `of ${before.contracts}`, value: (before.replayMs / before.contracts) * 1000 },
    promise: { of: 'ratio', atMost: 2 },
  };
}

async function size(directory: string, contracts: number): Promise<Size> {
  const open = () => openLedger({ disk: systemDisk, directory, clock: systemClock, log: silentLog });
  await (await writeLedger(systemDisk, directory, systemClock, contracts)).close();
  const [journalMs, first] = await timed(open);
  const [compactMs] = await timed(() => first.compact());
  await first.close();
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const [ms, opened] = await timed(open);
    if (opened.records.size !== contracts)
      throw new Error(`${opened.records.size} of ${contracts} contracts came back`);
    await opened.close();
    times.push(ms);
  }
  return { contracts, replayMs: median(times), compactMs, journalMs, megabytes: await megabytesOf(directory) };
}

async function timed<T>(work: () => Promise<T>): Promise<[number, T]> {
  const begun = performance.now();
  const value = await work();
  return [performance.now() - begun, value];
}

async function megabytesOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).size;
  return bytes / 1e6;
}
