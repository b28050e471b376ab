import type { Download } from './downloads.ts';

/** A host downloads by wget, and its lines are the task's log. */

type Log = (line: string) => void;

/** The lines up to the transfer. Returns why there is none, in the words that end the task. */
export function complain(
  url: string,
  found: Download,
  certificates: 'trusted-only' | 'any',
  { log, now }: { readonly log: Log; readonly now: Date },
): string | undefined {
  const { hostname, port, protocol } = new URL(url);
  const place = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
  log(`--${stamp(now)}--  ${url}`);
  if (found.trouble === 'unresolved') {
    log(`Resolving ${hostname} (${hostname})... failed: Temporary failure in name resolution.`);
    return `wget: unable to resolve host address '${hostname}'`;
  }
  if (found.trouble === 'refused') return `Connecting to ${place}... failed: Connection refused.`;
  if (found.trouble === 'no-route') return `Connecting to ${place}... failed: No route to host.`;
  log(`Connecting to ${place}... connected.`);
  if (found.untrusted && certificates === 'trusted-only') {
    log(`ERROR: The certificate of '${hostname}' is not trusted.`);
    return `ERROR: The certificate of '${hostname}' doesn't have a known issuer.`;
  }
  if (found.untrusted) {
    log(`WARNING: The certificate of '${hostname}' is not trusted.`);
    log(`WARNING: The certificate of '${hostname}' doesn't have a known issuer.`);
  }
  if (found.redirectedTo !== undefined) {
    log('HTTP request sent, awaiting response... 302 Found');
    log(`Location: ${found.redirectedTo} [following]`);
    log(`--${stamp(now)}--  ${found.redirectedTo}`);
    log(`Reusing existing connection to ${place}.`);
  }
  if (found.trouble === 'not-found') {
    log('HTTP request sent, awaiting response... 404 Not Found');
    log(`${stamp(now)} ERROR 404: Not Found.`);
    return 'exit code 8';
  }
  log('HTTP request sent, awaiting response... 200 OK');
  return undefined;
}

export function announce({ sizeBytes, contentType, is }: Download, temporary: string, log: Log): void {
  const type = contentType ?? 'application/octet-stream';
  log(is === 'page' ? `Length: unspecified [${type}]` : `Length: ${sizeBytes} (${spoken(sizeBytes)}) [${type}]`);
  log(`Saving to: '${temporary}'`);
}

/** wget's dots: a line for every 32 MiB, and what came with it. */
const LINE_BYTES = 32 * 2 ** 20;

export function progress(total: number): { readonly bytes: number; readonly end: number; readonly line: string }[] {
  const lines = Math.max(1, Math.ceil(total / LINE_BYTES));
  return Array.from({ length: lines }, (_, index) => {
    const start = index * LINE_BYTES;
    const end = Math.min(total, start + LINE_BYTES);
    const dots = '........ '.repeat(Math.floor((end - start) / (LINE_BYTES / 4))).padEnd(36);
    const percent = total === 0 ? 100 : Math.floor((end / total) * 100);
    const line = `${String(start / 1024).padStart(6)}K ${dots}${String(percent).padStart(3)}% 50.0M`;
    return { bytes: end - start, end, line };
  });
}

export function saved(now: Date, temporary: string, { sizeBytes, is }: Download): string {
  const size = is === 'page' ? `[${sizeBytes}]` : `[${sizeBytes}/${sizeBytes}]`;
  return `${stamp(now)} (50.0 MB/s) - '${temporary}' saved ${size}`;
}

function stamp(now: Date): string {
  return now.toISOString().slice(0, 19).replace('T', ' ');
}

function spoken(bytes: number): string {
  const units = ['', 'K', 'M', 'G'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}
