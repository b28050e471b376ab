import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { chart } from './chart.ts';
import type { Curve } from './figure.ts';
import { COLUMNS, type Result, rows } from './report.ts';

/** Writes one picture for each curve, and returns the lines that show them. */
export async function writePictures(prefix: string, results: readonly Result[]): Promise<string> {
  const curves: Curve[] = results.flatMap(({ findings }) => findings.curves ?? []);
  for (const curve of curves) await writeFile(`docs/${prefix}-${curve.name}.svg`, chart(curve));
  return curves.map(({ name, title }) => `![${title}](${prefix}-${name}.svg)`).join('\n\n');
}

/** All figures as a table of Markdown. */
export function table(results: readonly Result[]): string {
  const head = [`| ${COLUMNS.join(' | ')} |`, `|${'---|'.repeat(COLUMNS.length)}`];
  return [
    ...head,
    ...rows(results).map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
  ].join('\n');
}

export function notes(results: readonly Result[]): string {
  return results
    .flatMap(({ findings }) => findings.notes ?? [])
    .map((note) => `- ${note}`)
    .join('\n');
}

/** What the figures were taken on. */
export function ground(): string {
  const processors = cpus();
  return `Node ${process.version}, ${processors.length} x ${processors[0]?.model ?? 'unknown processor'}.`;
}
