import { accountOf, shareOf, stretches, type Verdict } from '../../health/index.ts';
import type { Colors } from '../io.ts';
import { duration, moment } from '../text/duration.ts';
import { table } from '../text/table.ts';
import { percent } from './figures.ts';

const GAPS_SHOWN = 20;

/** A verdict in plain words. */
export function renderVerdict(verdict: Verdict, keyGiven: boolean, colors: Colors): string {
  const { header, flaws, gaps, lines, marks } = verdict;
  const out: string[] = [];
  if (header !== undefined) {
    out.push(`${colors.bold('contract')}  ${header.contract}`);
    out.push(`${colors.bold('signer')}    ${header.agent}${keyGiven ? '' : ' (not compared: give --agent-key)'}`);
    out.push(`${colors.bold('entries')}   ${lines}, with ${marks} signatures; the first one is number ${header.index}`);
  }
  if (flaws.length > 0) {
    for (const { line, text } of flaws) out.push(`${colors.red('wrong:')} line ${line}: ${text}`);
    out.push('The file is not what the agent signed. Believe nothing in it.');
    return out.join('\n');
  }
  const { from, to, account } = total(verdict);
  out.push(`${colors.bold('time')}      ${moment(from)} to ${moment(to)}`);
  out.push(
    `${colors.bold('up')}        ${percent(shareOf(account))} of the ${duration(account.up + account.down)} that are known`,
  );
  out.push('');
  out.push(`${colors.green('right:')} nothing in it was changed, moved, added or taken out since it was signed.`);
  if (gaps.length === 0) return out.join('\n');
  out.push(
    `${colors.yellow('gaps:')} ${gaps.length === 1 ? 'once' : `${gaps.length} times`} nobody looked for ${duration(account.unseen)} in all:`,
  );
  const rows = gaps.slice(0, GAPS_SHOWN).map((gap) => [moment(gap.from), moment(gap.to), duration(gap.to - gap.from)]);
  out.push(table([{ title: 'FROM' }, { title: 'TO' }, { title: 'FOR', align: 'right' }], rows));
  if (gaps.length > GAPS_SHOWN) out.push(`(and ${gaps.length - GAPS_SHOWN} more)`);
  return out.join('\n');
}

export function verdictJson(verdict: Verdict): string {
  const { header, flaws, gaps, lines, marks } = verdict;
  const { from, to, account } = total(verdict);
  const time = flaws.length > 0 ? {} : { from, to, account, up: shareOf(account) };
  return JSON.stringify({ right: flaws.length === 0, flaws, gaps, lines, marks, ...header, ...time }, null, 2);
}

function total({ samples }: Verdict): { from: number; to: number; account: ReturnType<typeof accountOf> } {
  const found = stretches(samples);
  const from = samples[0]?.at ?? 0;
  const to = samples.at(-1)?.at ?? from;
  return { from, to, account: accountOf(found, from, to) };
}
