export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/**
 * Columns as wide as their widest cell, two blanks apart, no trailing blanks. Cells may carry colours: escape sequences take
 * no room. Line breaks and control characters of foreign text are shown as blanks, so that a table stays a table.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => columns.map((_, index) => oneLine(row[index] ?? '')));
  const widths = columns.map((column, index) =>
    Math.max(width(column.title), ...clean.map((row) => width(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  const head = columns.some((column) => column.title !== '') ? [line(columns.map((column) => column.title))] : [];
  return [...head, ...clean.map(line)].join('\n');
}

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Foreign text on one line, unable to move the cursor or colour the screen. */
export function oneLine(text: string): string {
  // Our own colour sequences stay; every other control character becomes a blank.
  const parts = text.split(ESCAPES);
  const escapes = text.match(ESCAPES) ?? [];
  return parts.map((part, index) => part.replace(/\p{Cc}+/gu, ' ') + (escapes[index] ?? '')).join('');
}

function width(text: string): number {
  return Array.from(text.replace(ESCAPES, '')).length;
}

function pad(text: string, to: number, align: 'left' | 'right'): string {
  const gap = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'left' ? text + gap : gap + text;
}
