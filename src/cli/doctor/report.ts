import type { Finding } from '../../provisioner/contract.ts';
import type { Colors } from '../io.ts';
import { oneLine } from '../text/table.ts';

export interface Section {
  /** What was looked at: `configuration`, `key`, `target lab`, ... */
  readonly name: string;
  readonly findings: readonly Finding[];
}

export interface DoctorReport {
  /** Nothing failed; warnings may remain. */
  readonly ok: boolean;
  readonly counts: Readonly<Record<Finding['level'], number>>;
  readonly sections: readonly Section[];
}

export function summarise(sections: readonly Section[]): DoctorReport {
  const counts = { pass: 0, warn: 0, fail: 0, skip: 0 };
  for (const section of sections) for (const finding of section.findings) counts[finding.level] += 1;
  return { ok: counts.fail === 0, counts, sections };
}

/** For people: one line per finding, the remedy below it. */
export function renderReport(report: DoctorReport, colors: Colors): string {
  const paint = { pass: colors.green, warn: colors.yellow, fail: colors.red, skip: colors.dim };
  const lines: string[] = [];
  for (const { name, findings } of report.sections) {
    lines.push(colors.bold(oneLine(name)));
    for (const finding of findings) {
      const label = paint[finding.level](finding.level.toUpperCase().padEnd(4));
      lines.push(`  ${label}  ${oneLine(finding.title)}`);
      const wanted = finding.level === 'fail' || finding.level === 'warn';
      if (wanted && finding.remedy !== undefined) lines.push(`        ${colors.cyan('→')} ${oneLine(finding.remedy)}`);
    }
  }
  const { pass, warn, fail, skip } = report.counts;
  lines.push('', `${pass} passed, ${warn} warnings, ${fail} failed, ${skip} skipped`);
  return lines.join('\n');
}
