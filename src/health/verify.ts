import { stretches } from './account.ts';
import { follow, type IsSigned, isBroken } from './follow.ts';
import type { Header } from './lines.ts';
import { type DueSample, samplesOf } from './read.ts';

/** What is wrong with a file: its first line that does not hold, from 1. */
export interface Flaw {
  readonly kind: 'broken' | 'unsigned' | 'wrong-signer' | 'truncated' | 'contradicts';
  readonly line: number;
  readonly text: string;
}

/** A time in which nobody looked. It is no forgery, but it proves nothing either. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Verdict {
  readonly header?: Header;
  readonly flaws: readonly Flaw[];
  readonly gaps: readonly Gap[];
  readonly lines: number;
  readonly marks: number;
  readonly samples: readonly DueSample[];
  /** Chain values of the log by index, for comparing two files. */
  readonly heads: ReadonlyMap<number, string>;
  /** The log's latest entry in it. */
  readonly latest: number;
}

/** Checks one exported file: order, completeness from its first line to its last, and who signed it. */
export function verify(text: string, isSigned: IsSigned, agentKey?: string): Verdict {
  const flaws: Flaw[] = [];
  const heads = new Map<number, string>();
  let header: Header | undefined;
  let marks = 0;
  let lines = 0;
  let latest = 0;
  const end = follow(text, isSigned, ({ number, line, position }) => {
    lines = number;
    header ??= position.header;
    heads.set(position.index, position.head);
    latest = position.index;
    if (line.kind === 'mark') marks++;
    const stranger = agentKey !== undefined && line.kind === 'header' && line.agent !== agentKey;
    if (stranger && flaws.length === 0)
      flaws.push({
        kind: 'wrong-signer',
        line: number,
        text: `signed by ${line.agent}, not by the key that was given`,
      });
  });
  if (isBroken(end)) {
    const before = end.signedThrough === undefined ? '' : `; up to line ${end.signedThrough} it is as it was signed`;
    flaws.push({ kind: 'broken', line: end.number, text: `${end.why}${before}` });
  } else if (end.unsigned > 0) {
    flaws.push({
      kind: 'unsigned',
      line: lines - end.unsigned + 1,
      text: 'from here to the end nothing is signed: the end was cut off, or it is no export',
    });
  }
  // An export ends with a signature of its own, which the log does not hold.
  heads.delete(latest--);
  const samples = samplesOf(text);
  const gaps = stretches(samples).filter(({ counts }) => counts === 'unseen');
  return {
    ...(header === undefined ? {} : { header }),
    flaws,
    gaps: gaps.map(({ from, to }) => ({ from, to })),
    lines,
    marks,
    samples,
    heads,
    latest,
  };
}

/**
 * Holds a file against another one of the same contract that its reader got earlier or later. An agent that signed two different
 * pasts is found, and so is a file that ends before what the agent had signed by then.
 */
export function compare(verdict: Verdict, other: Verdict): Flaw[] {
  if (verdict.header?.contract !== other.header?.contract)
    return [{ kind: 'contradicts', line: 1, text: 'the two files are about different contracts' }];
  let common = 0;
  for (const [index, head] of verdict.heads) {
    const theirs = other.heads.get(index);
    if (theirs === undefined) continue;
    common++;
    if (theirs !== head)
      return [{ kind: 'contradicts', line: 1, text: `the two files tell different pasts: entry ${index} differs` }];
  }
  if (verdict.latest < other.latest)
    return [
      {
        kind: 'truncated',
        line: verdict.lines,
        text: `it ends with entry ${verdict.latest}, but the agent had signed entry ${other.latest} when the other file was made`,
      },
    ];
  if (common === 0) return [{ kind: 'contradicts', line: 1, text: 'the two files have no entry in common' }];
  return [];
}
