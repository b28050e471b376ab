import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuestScript, OperationId } from '../../src/provisioner/index.ts';
import { BEGIN, filesOf, placeOf, sizeOf } from './script-runner.ts';

let place: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'dc-runner-'));
});
afterEach(() => rm(place, { recursive: true, force: true }));

const at = (name: string): string => join(place, name);

/** As the guest agent puts it there and starts it, with a real shell. Resolves with the exit code of `run begin`. */
async function begin(script: Partial<GuestScript> & { content: string }, size?: number): Promise<number> {
  const { limitSeconds = 20, ...rest } = script;
  const files = filesOf({ environment: {}, limitSeconds, ...rest });
  for (const { name, content } of files) await writeFile(at(name), content);
  const args = [at('run'), 'begin', String(limitSeconds), '1', String(size ?? sizeOf(files))];
  return new Promise((resolve) => {
    execFile('/bin/sh', args, (error) => resolve(typeof error?.code === 'number' ? error.code : 0));
  });
}

async function ended(): Promise<{ code: number; seconds: number; output: string }> {
  await expect.poll(() => existsSync(at('exit')), { timeout: 15_000, interval: 50 }).toBe(true);
  const [code, seconds] = (await readFile(at('exit'), 'utf8')).trim().split(' ').map(Number);
  return { code: code ?? Number.NaN, seconds: seconds ?? Number.NaN, output: await readFile(at('last'), 'utf8') };
}

describe('the program that runs a script in a machine', () => {
  it('hands over exit code, output and variables, leaves nothing secret, and begins once', async () => {
    const value = "it's $HOME, `x` and\na line";
    expect(
      await begin({ content: 'printf %s "$DC_TEXT"; echo oops >&2; exit 7', environment: { DC_TEXT: value } }),
    ).toBe(0);
    expect(await ended()).toMatchObject({ code: 7, output: `${value}oops\n` });
    for (const name of ['script', 'part-0', 'environment', 'pipe', 'output']) expect(existsSync(at(name))).toBe(false);
    expect(await begin({ content: 'touch second' })).toBe(BEGIN.alreadyBegun);
    expect(existsSync(at('part-0'))).toBe(false);
    expect(await ended()).toMatchObject({ code: 7 });
  }, 20_000);

  it('takes an interpreter of the script’s own, and as much as a script may be', async () => {
    const largest = `#!/bin/cat\n${'ü'.repeat((65_536 - 11) / 2)}`;
    expect(await begin({ content: largest })).toBe(BEGIN.begun);
    const { code, output } = await ended();
    expect(code).toBe(0);
    expect(Buffer.byteLength(output)).toBe(16_384);
    expect(output.endsWith('üüü')).toBe(true);
  }, 20_000);

  it('does not begin what is not whole, and does later', async () => {
    expect(await begin({ content: 'echo whole' }, 5)).toBe(BEGIN.incomplete);
    expect(existsSync(at('begun'))).toBe(false);
    expect(await begin({ content: 'echo whole' })).toBe(BEGIN.begun);
    expect(await ended()).toMatchObject({ code: 0, output: 'whole\n' });
  }, 20_000);

  it('ends a script that is over its time, with what it started', async () => {
    const content = `trap '' TERM\n(trap '' TERM; sleep 300; touch ${'"$PLACE"'}/late) &\nsleep 300`;
    expect(await begin({ content, limitSeconds: 1, environment: { PLACE: place } })).toBe(BEGIN.begun);
    const { code, seconds } = await ended();
    expect(code === 124 || code > 128).toBe(true);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(existsSync(at('late'))).toBe(false);
  }, 20_000);

  it('does not wait for a daemon that a script leaves', async () => {
    expect(await begin({ content: 'sleep 300 & echo $!' })).toBe(BEGIN.begun);
    const { code, output } = await ended();
    const pid = Number(output);
    expect(code).toBe(0);
    // Whoever kills process 0 kills this test.
    expect(pid).toBeGreaterThan(1);
    expect(() => process.kill(pid, 0)).not.toThrow();
    process.kill(pid);
  }, 20_000);

  it('has a place that no operation can lead elsewhere, and variables that are some', () => {
    expect(placeOf('0'.repeat(32) as OperationId)).toBe(`/var/lib/dc-agent/script-${'0'.repeat(32)}`);
    expect(() => placeOf('../../etc' as OperationId)).toThrow(RangeError);
    expect(() => filesOf({ content: 'x', environment: { 'A B': 'x' }, limitSeconds: 1 })).toThrow(/cannot be the name/);
  });
});
