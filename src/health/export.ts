import type { ContractId } from '../ports/ids.ts';
import { follow, type IsSigned, isBroken } from './follow.ts';
import { formatMark, markText } from './lines.ts';

/**
 * The log's text with a signature of everything in it at its end, which makes one file of it. A log that is damaged cannot be
 * signed over: then the reason is returned.
 */
export function exported(
  text: string,
  attestor: { sign(text: string): string; readonly isSigned: IsSigned },
  now: number,
): { readonly file: string } | { readonly refused: string } {
  let contract: ContractId | undefined;
  const end = follow(text, attestor.isSigned, ({ position }) => {
    contract = position.header.contract;
  });
  if (isBroken(end)) return { refused: `line ${end.number}: ${end.why}` };
  if (contract === undefined) return { refused: 'there is nothing in it' };
  const signature = attestor.sign(markText(contract, end.index, end.head, now));
  return { file: `${text}${formatMark(now, signature)}\n` };
}
