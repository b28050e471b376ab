import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const BUILD = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));

export interface Built {
  /** The program as it is shipped: one file, in a directory of its own without any package beside it. */
  readonly file: string;
  remove(): Promise<void>;
}

export async function buildProgram(): Promise<Built> {
  const directory = await mkdtemp(join(tmpdir(), 'dc-built-'));
  const file = join(directory, 'main.js');
  await promisify(execFile)(process.execPath, [BUILD, '--out', file]);
  return { file, remove: () => rm(directory, { recursive: true, force: true }) };
}

export interface Process {
  readonly pid: number;
  /** Everything printed so far. */
  out(): string;
  err(): string;
  /** Resolves once standard output matches; rejects when the process ends before. */
  says(pattern: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * Starts the built program, with nothing in its environment but what is given and what Node needs. `inside` is a command that becomes
 * the program that its arguments name, in some other place.
 */
export function start(
  file: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  inside: readonly string[] = [],
): Process {
  const [program, ...before] = [...inside, process.execPath];
  const child = spawn(program, [...before, file, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir(), ...env },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return {
    pid: child.pid ?? 0,
    out: () => out,
    err: () => err,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(out)) return;
          child.stdout.off('data', look);
          resolve();
        };
        child.stdout.on('data', look);
        void ended.then(() => reject(new Error(`ended without saying ${String(pattern)}; it said: ${out}${err}`)));
        look();
      }),
    signal: (name) => void child.kill(name),
    ended,
  };
}
