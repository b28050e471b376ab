/** RFC 4253 §4.2: lines of other text may come first; the line itself is at most 255 bytes. */
const LONGEST_LINE = 1_024;
const MOST_LINES = 64;

/** What an SSH server says first, and how many bytes that took; `more`: not all of it is there yet. */
export function readIdentification(
  bytes: Buffer,
): { readonly text: string; readonly length: number } | 'more' | 'no-ssh' {
  let from = 0;
  for (let line = 0; line < MOST_LINES; line++) {
    const end = bytes.indexOf(0x0a, from);
    if (end < 0) return bytes.length - from > LONGEST_LINE ? 'no-ssh' : 'more';
    if (end - from > LONGEST_LINE) return 'no-ssh';
    const text = bytes.toString('latin1', from, end).replace(/\r$/, '');
    if (text.startsWith('SSH-')) return /^SSH-(2\.0|1\.99)-/.test(text) ? { text, length: end + 1 } : 'no-ssh';
    from = end + 1;
  }
  return 'no-ssh';
}
