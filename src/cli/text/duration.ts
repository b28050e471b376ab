const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** `850 ms`, `2.4 s`, `3 min 20 s`, `2 d 4 h`: two units at most, the precision that a reader acts on. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const index = UNITS.findIndex(([, size]) => ms >= size);
  const [name, size] = UNITS[index] ?? ['s', 1000];
  const next = UNITS[index + 1];
  const head = `${Math.floor(ms / size)} ${name}`;
  const rest = next ? Math.floor((ms % size) / next[1]) : 0;
  return next && rest > 0 ? `${head} ${rest} ${next[0]}` : head;
}

/** `14 s ago`, or `never`. */
export function ago(at: number | undefined, now: number): string {
  return at === undefined ? 'never' : `${duration(Math.max(0, now - at))} ago`;
}

/** Local date and time to the second, sortable. */
export function moment(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '?';
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
