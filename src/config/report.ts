import type { KeyLocator, KeyPath } from './locate.ts';
import type { ConfigProblem, ConfigWarning } from './types.ts';

/** Collects what is wrong with one file, so that all of it is told at once. */
export interface Report {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigWarning[];
  /** Points at `path`, or at the table around it when the key itself is not written. */
  problem(
    path: KeyPath,
    message: string,
    more?: { expected?: string | undefined; suggestion?: string | undefined },
  ): void;
  warn(code: string, path: KeyPath, message: string): void;
  /** Drops the problems with the values at exactly these paths; that a key is unknown stays said. */
  retract(paths: readonly KeyPath[]): void;
}

export const UNKNOWN_KEY = 'unknown key';

export function createReport(file: string, locator: KeyLocator): Report {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  const place = (path: KeyPath) => {
    const position = path.length === 0 ? { line: 0, column: 0 } : locator.nearest(path);
    return { file, ...position, path: formatPath(path) };
  };
  return {
    problems,
    warnings,
    problem(path, message, { expected, suggestion } = {}) {
      problems.push({
        ...place(path),
        message,
        ...(expected === undefined ? {} : { expected }),
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    },
    warn(code, path, message) {
      warnings.push({ ...place(path), code, message });
    },
    retract(paths) {
      const retracted = new Set(paths.map(formatPath));
      const kept = problems.filter(({ path, message }) => message === UNKNOWN_KEY || !retracted.has(path));
      problems.length = 0;
      for (const problem of kept) problems.push(problem);
    },
  };
}

/** `targets[0].docker.network`. A key that may be a misplaced secret is told by its length only. */
export function formatPath(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += (text === '' ? '' : '.') + formatKey(part);
  }
  return text;
}

/** No key of ours is longer than 30 characters, and a pasted key, token or UUID is. */
export function formatKey(key: string): string {
  if (key.length > 30) return `(a key of ${key.length} characters)`;
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}
