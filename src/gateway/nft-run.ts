import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { NftCommand } from './nft-json.ts';
import { GatewayError } from './port.ts';

/** The nft program. No call ever goes through a shell; what is written to the kernel goes by standard input, as JSON. */
export interface Nft {
  /** All commands or none. Throws NftRefusal when the kernel or nft does not take them. */
  apply(commands: readonly NftCommand[], signal: AbortSignal): Promise<void>;
  /** Whether the kernel would take them. */
  would(commands: readonly NftCommand[], signal: AbortSignal): Promise<boolean>;
  /** What a command such as `list counters table inet dc_agent` prints, parsed; undefined when there is no such thing. */
  list(words: readonly string[], signal: AbortSignal): Promise<unknown>;
  /** Such as `1.0.6`. */
  version(signal: AbortSignal): Promise<string>;
}

/** nft said no; the state is what it was before. */
export class NftRefusal extends Error {
  override readonly name = 'NftRefusal';
}

export function createNft(program = 'nft'): Nft {
  return {
    async apply(commands, signal) {
      if (commands.length === 0) return;
      const ended = await run(program, ['-j', '-f', '-'], signal, JSON.stringify({ nftables: commands }));
      if (ended.code !== 0) throw new NftRefusal(`nft refused the change: ${firstLines(ended.stderr)}`);
    },

    async would(commands, signal) {
      const ended = await run(program, ['-c', '-j', '-f', '-'], signal, JSON.stringify({ nftables: commands }));
      return ended.code === 0;
    },

    async list(words, signal) {
      const { code, stdout, stderr } = await run(program, ['-j', ...words], signal);
      if (code !== 0 && /No such file or directory/.test(stderr)) return undefined;
      if (code !== 0) throw new NftRefusal(`nft ${words.join(' ')} ended with ${code}: ${firstLines(stderr)}`);
      try {
        return JSON.parse(stdout);
      } catch (cause) {
        // Some versions answer a question about one element in words, whatever they were asked for.
        if (words[0] === 'get') return {};
        throw new GatewayError('config', `nft ${words.join(' ')} did not print JSON; is it built with JSON support?`, {
          cause,
        });
      }
    },

    async version(signal) {
      const { stdout } = await run(program, ['--version'], signal);
      return /v(\d+\.\d+(\.\d+)?)/.exec(stdout)?.[1] ?? 'unknown';
    },
  };
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Far above what the largest fleets need; nft that takes longer hangs. */
const LIMIT_MS = 30_000;
const OUTPUT_BYTES = 256 * 1024 * 1024;

async function run(program: string, args: readonly string[], signal: AbortSignal, input = ''): Promise<Ended> {
  const stdin = inputFile(input);
  try {
    return await runWith(program, args, signal, stdin);
  } finally {
    closeSync(stdin);
  }
}

/**
 * The input as a file without a name. nft opens /dev/stdin by its path, which the kernel allows for files and pipes; what Node calls a
 * pipe is a socket. Not awaited: a page of memory is written in less time than it takes to ask somebody else to do it.
 */
function inputFile(input: string): number {
  const path = join(tmpdir(), `dc-agent-nft.${randomUUID()}`);
  const file = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    writeFileSync(file, input);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

async function runWith(program: string, args: readonly string[], signal: AbortSignal, input: number): Promise<Ended> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const child = spawn(program, args, {
    stdio: [input, 'pipe', 'pipe'],
    // PATH only: sbin is not on everybody's.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    signal: limit,
    killSignal: 'SIGKILL',
  });
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const { stdout: out, stderr: err } = child;
  // As asked for above; the types do not tell.
  if (out === null || err === null) throw new Error('nft was started without pipes');
  let size = 0;
  for (const stream of [out, err]) {
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > OUTPUT_BYTES) child.kill('SIGKILL');
    });
  }
  try {
    const [stdout, stderr, ended] = await Promise.all([text(out), text(err), code]);
    if (size > OUTPUT_BYTES) throw new Error('it printed too much');
    return { code: ended, stdout, stderr };
  } catch (cause) {
    if (isMissing(cause)) {
      throw new GatewayError('config', 'the program nft is not there; install the package nftables', { cause });
    }
    const why = limit.aborted && !signal.aborted ? `no end within ${LIMIT_MS / 1000} s` : 'it broke off';
    throw new GatewayError('retry', `nft did not answer: ${why}`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function firstLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, 4).join(' ').slice(0, 400) || 'it said nothing';
}
