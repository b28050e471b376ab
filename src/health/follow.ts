import { BEGINNING, chained, type Header, markText, parseLine, type UptimeLine } from './lines.ts';

/** Says whether `signature` (hex) was made over `text` by the owner of `agent` (hex). */
export type IsSigned = (agent: string, text: string, signature: string) => boolean;

/** Where a chain stands. */
export interface Position {
  /** Lines so far, since the log began. */
  readonly index: number;
  readonly head: string;
  readonly header: Header;
  /** Lines since the last mark, or the last header. */
  readonly unsigned: number;
}

/** One line as it was met: where it stands in the file (from 1), and where the chain stands after it. */
export interface Met {
  readonly number: number;
  readonly line: UptimeLine;
  readonly position: Position;
}

/** Why a text is no unbroken log. */
export interface Broken {
  readonly number: number;
  readonly why: string;
  /** The last mark that was right: what is before it is as the agent signed it. */
  readonly signedThrough?: number;
}

/** Follows the chain through a text, line by line, from its first header on. Stops at the first thing that is wrong. */
export function follow(text: string, isSigned: IsSigned, met: (one: Met) => void): Position | Broken {
  let position: Position | undefined;
  let signedThrough: number | undefined;
  let number = 0;
  const broken = (why: string): Broken => ({
    number,
    why,
    ...(signedThrough === undefined ? {} : { signedThrough }),
  });
  const lines = text.split('\n');
  const tail = lines.pop();
  for (const raw of lines) {
    number++;
    const line = parseLine(raw);
    if (line === undefined) return broken('this is no line of an uptime log');
    const next = after(position, line, raw, isSigned);
    if (typeof next === 'string') return broken(next);
    if (line.kind === 'mark') signedThrough = number;
    position = next;
    met({ number, line, position });
  }
  number++;
  if (tail !== '') return broken('the last line is cut off');
  return position ?? broken('there is nothing in it');
}

function after(before: Position | undefined, line: UptimeLine, raw: string, isSigned: IsSigned): Position | string {
  if (line.kind === 'header') return afterHeader(before, line, raw);
  if (before === undefined) return 'it does not begin with a header';
  const { index, head, header } = before;
  if (line.kind === 'mark' && !isSigned(header.agent, markText(header.contract, index, head, line.at), line.signature))
    return 'the signature does not fit: something since the mark before it was changed, moved, added or removed, or another key signed it';
  const unsigned = line.kind === 'mark' ? 0 : before.unsigned + 1;
  return { index: index + 1, head: chained(head, raw), header, unsigned };
}

function afterHeader(before: Position | undefined, line: Header, raw: string): Position | string {
  if (before !== undefined) {
    if (line.contract !== before.header.contract) return 'another contract’s log begins here';
    if (line.index === 0 && line.head === BEGINNING)
      return 'the log begins anew here: the agent could not go on with what it had, or did not have it any more';
    if (line.index !== before.index || line.head !== before.head)
      return 'this part does not follow the one before it: something between them is missing, or they are out of order';
  } else if ((line.index === 0) !== (line.head === BEGINNING)) {
    return 'its beginning contradicts itself';
  }
  const { contract, agent, intervalMs, index, head } = line;
  return {
    index: index + 1,
    head: chained(head, raw),
    header: { contract, agent, intervalMs, index, head },
    unsigned: (before?.unsigned ?? 0) + 1,
  };
}

export function isBroken(outcome: Position | Broken): outcome is Broken {
  return 'why' in outcome;
}
