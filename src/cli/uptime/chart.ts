import { accountOf, type Stretch } from '../../health/index.ts';

export const LEGEND = '█ up  ▄ partly down  ▁ down  p paused  · not seen';

/** One character for each of `cells` equal parts of a time. A second of outage is enough to show. */
export function chart(found: readonly Stretch[], from: number, to: number, cells: number): string {
  const width = (to - from) / cells;
  return Array.from({ length: cells }, (_, index) =>
    cell(found, from + index * width, from + (index + 1) * width),
  ).join('');
}

function cell(found: readonly Stretch[], from: number, to: number): string {
  const { up, down, paused } = accountOf(found, from, to);
  if (down > 0) return up > 0 ? '▄' : '▁';
  if (up > 0) return '█';
  return paused > 0 ? 'p' : '·';
}
