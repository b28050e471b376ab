/** MiB in one unit. The platform's "GB" means 1024 MB, as the reference agent reads it, so both spellings are one. */
const MIB: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 * 1024 };

const SIZE = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([MGT])I?B\s*$/i;

/** "16 GB" → 16384. Cut to whole MiB; undefined for anything that is not a size of at least one. */
export function parseMebibytes(text: string): number | undefined {
  return parse(text, 1);
}

/** "1.5 TB" → 1536. Cut to whole GiB; undefined for anything that is not a size of at least one. */
export function parseGibibytes(text: string): number | undefined {
  return parse(text, 1024);
}

function parse(text: string, unit: number): number | undefined {
  const [, digits, letter] = SIZE.exec(text) ?? [];
  if (digits === undefined || letter === undefined) return undefined;
  const size = Math.floor((Number(digits) * (MIB[letter.toUpperCase()] ?? Number.NaN)) / unit);
  return Number.isSafeInteger(size) && size >= 1 ? size : undefined;
}
