import { type Bench, type Figure, type Findings, isKept, ratioOf, type Unit } from './figure.ts';

export interface Result {
  readonly bench: Bench;
  readonly findings: Findings;
}

export const COLUMNS = ['bench', 'figure', 'value', 'beside', 'ratio', 'promise', 'kept'] as const;

/** One row for each figure, as text. */
export function rows(results: readonly Result[]): string[][] {
  return results.flatMap(({ bench, findings }) => findings.figures.map((figure) => row(bench.name, figure)));
}

function row(bench: string, figure: Figure): string[] {
  const { what, value, unit, against, promise } = figure;
  const ratio = ratioOf(figure);
  const kept = isKept(figure);
  return [
    bench,
    what,
    amount(value, unit),
    against === undefined ? '' : `${amount(against.value, unit)} ${against.what}`,
    ratio === undefined ? '' : digits(ratio),
    promise === undefined
      ? ''
      : promise.of === 'ratio'
        ? `ratio <= ${promise.atMost}`
        : `<= ${amount(promise.atMost, unit)}`,
    kept === undefined ? '' : kept ? 'kept' : 'NOT KEPT',
  ];
}

function amount(value: number, unit: Unit): string {
  return unit === 'x' ? digits(value) : `${digits(value)} ${unit}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toString();
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

export function printTable(results: readonly Result[]): void {
  const table = [[...COLUMNS], ...rows(results)];
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  for (const cells of table)
    console.log(
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  const notes = results.flatMap(({ findings }) => findings.notes ?? []);
  if (notes.length > 0) console.log(`\n${notes.join('\n')}`);
}

export function toJson(results: readonly Result[]): string {
  const benches = results.map(({ bench, findings }) => ({
    name: bench.name,
    about: bench.about,
    notes: findings.notes ?? [],
    curves: findings.curves ?? [],
    figures: findings.figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), kept: isKept(figure) })),
  }));
  return JSON.stringify({ node: process.version, benches }, undefined, 2);
}
