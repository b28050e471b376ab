import { execFileSync } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { closeSync, createReadStream, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Clock, systemClock } from '../../src/provisioner/index.ts';
import { Workbench } from './fixtures.ts';
import { type RunRequest, type RunResult, runScript } from './run.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.cleanup());

const LIMIT_MS = 3_600_000;

/** Real time, fifty times as fast for the grace between the two signals; the time limit comes when the test calls it. */
function clockWithLimit(): Clock & { timeIsUp(): void } {
  let limit = (): void => {};
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * 50,
    after(ms, fn) {
      if (ms !== LIMIT_MS) return systemClock.after(ms / 50, fn);
      limit = fn;
      return () => {};
    },
    timeIsUp: () => limit(),
  };
}

function run(executable: string, more: Partial<RunRequest> = {}): Promise<RunResult> {
  return runScript({
    executable,
    stdin: '{}',
    forwardEnv: [],
    timeoutMs: LIMIT_MS,
    signal: new AbortController().signal,
    clock: clockWithLimit(),
    ...more,
  });
}

const textOf = ({ bytes }: { bytes: Buffer }): string => bytes.toString('utf8');

/**
 * A pipe that the script and all that it starts hold open as descriptor 3. What they write tells that they run, and its end
 * that the last of them is gone.
 */
function lifeline(): { path: string; begun: Promise<unknown>; gone: Promise<unknown> } {
  const path = bench.path('lifeline');
  execFileSync(bench.script(`mkfifo '${path}'`));
  const stream = createReadStream(path);
  const begun = once(createInterface({ input: stream }), 'line');
  return { path, begun, gone: once(stream, 'close') };
}

describe('a run', () => {
  test('has no arguments, the order on standard input, and ends with what was printed', async () => {
    const script = bench.script('echo "$# arguments"; cat; echo moan >&2; exit 3');
    const stdin = '{"key":"it\'s \\"quoted\\" $(id) `id` ; \\u0000 ü \\n"}';
    const { end, stdout, stderr } = await run(script, { stdin });
    expect(end).toEqual({ how: 'exit', code: 3 });
    expect(textOf(stdout)).toBe(`0 arguments\n${stdin}`);
    expect(textOf(stderr)).toBe('moan\n');
  });

  test('takes its arguments from nobody, and its working directory is the root', async () => {
    const { stdout } = await run('/bin/pwd');
    expect(textOf(stdout)).toBe('/\n');
  });

  test('sees only the variables that are named', async () => {
    const planted = { DC_PLANTED_TOKEN: 'secret', NODE_OPTIONS: '--no-warnings', DC_FORWARDED: 'yes' };
    for (const [name, value] of Object.entries(planted)) vi.stubEnv(name, value);
    try {
      const { stdout } = await run('/usr/bin/env', { forwardEnv: ['DC_FORWARDED', 'DC_NOT_SET'] });
      const seen = textOf(stdout).trim().split('\n');
      expect(seen).toContain('DC_FORWARDED=yes');
      const allowed = ['PATH', 'HOME', 'LANG', 'TZ', 'DC_FORWARDED'];
      expect(seen.filter((line) => !allowed.includes(line.split('=')[0] ?? ''))).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('inherits none of the files that the agent has open', async () => {
    const path = bench.path('ledger');
    const held = openSync(path, 'w');
    try {
      const open = bench.script('for fd in /proc/self/fd/*; do readlink "$fd"; done');
      const { stdout } = await run(open);
      expect(textOf(stdout)).toMatch(/^(pipe|socket):/);
      expect(textOf(stdout)).not.toContain(path);
    } finally {
      closeSync(held);
    }
  });

  test.each([
    ['is not there', () => '/nonexistent/script', 'ENOENT'],
    ['is not executable', () => bench.script('echo', 0o644), 'EACCES'],
    ['names an interpreter that is not there', () => bench.script('#!/nonexistent/interpreter\n'), 'ENOENT'],
    ['is a directory', () => bench.directory, 'EACCES'],
    ['lies below a file', () => `${bench.script('')}/script`, 'ENOTDIR'],
  ])('says why nothing was started when the executable %s', async (_name, executable, code) => {
    const { end, stdout } = await run(executable());
    expect(end).toMatchObject({ how: 'not-started', code, cause: expect.any(Error) });
    expect(stdout.bytes.length).toBe(0);
  });

  test('tells by which signal the script died', async () => {
    expect((await run(bench.script('kill -SEGV $$'))).end).toEqual({ how: 'signal', signal: 'SIGSEGV' });
  });

  test.each([
    ['never reads its order', 'echo done; exit 0'],
    ['closes its input at once', 'exec <&-; echo done'],
    ['reads one byte of it', 'head -c 1 >/dev/null; echo done'],
  ])('is well although the script %s', async (_name, body) => {
    const { end, stdout } = await run(bench.script(body), { stdin: 'x'.repeat(5_000_000) });
    expect(end).toEqual({ how: 'exit', code: 0 });
    expect(textOf(stdout)).toBe('done\n');
  });

  test('keeps bytes as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    expect((await run(bench.answering(bytes))).stdout.bytes.equals(bytes)).toBe(true);
  });

  test('hears the last words of a script that ended while the agent was busy', async () => {
    const ended = bench.path('ended');
    const runs = Array.from({ length: 10 }, (_, number) =>
      run(bench.script(`head -c 50000 /dev/zero; echo last; : >'${ended}${number}'`)),
    );
    // Nothing is read here until all have ended, so that ends and outputs arrive together.
    const all = runs.map((_, number) => `[ -e '${ended}${number}' ]`).join(' && ');
    execFileSync(bench.script(`until ${all}; do :; done`));
    for (const { stdout } of await Promise.all(runs)) {
      expect(stdout.bytes.length).toBe(50_005);
      expect(stdout.bytes.subarray(-5).toString()).toBe('last\n');
    }
  });

  test('does not begin when it was cancelled before', async () => {
    const mark = bench.path('mark');
    const { end } = await run(bench.script(`: >'${mark}'`), { signal: AbortSignal.abort() });
    expect(end).toEqual({ how: 'not-started', code: 'ABORTED' });
    expect(() => readFileSync(mark)).toThrow('ENOENT');
  });
});

describe('a flood', () => {
  test('of 100 MB on both outputs is read to its end, and the first MiB of each is kept', async () => {
    const done = bench.path('done');
    const flood = (to: string): string => `head -c 104857600 /dev/zero >&${to}`;
    const script = bench.script(`${flood('2')} & ${flood('1')}; wait; echo all >'${done}'`);
    const before = process.memoryUsage.rss();
    const { end, stdout, stderr } = await run(script);
    const peak = process.resourceUsage().maxRSS * 1024;
    expect(end).toEqual({ how: 'exit', code: 0 });
    expect(readFileSync(done, 'utf8')).toBe('all\n');
    for (const { bytes, cut } of [stdout, stderr]) {
      expect(cut).toBe(true);
      expect(bytes.length).toBe(1024 * 1024);
    }
    // Of 200 MB: what the collector has not come round to is a fraction.
    expect(peak - before).toBeLessThan(100 * 1024 * 1024);
  });

  test('of exactly one MiB is whole', async () => {
    const { stdout } = await run(bench.script('head -c 1048576 /dev/zero'));
    expect(stdout.bytes.length).toBe(1024 * 1024);
    expect(stdout.cut).toBe(false);
  });

  test('that a child goes on with after the script has ended does not keep the run', async () => {
    const script = bench.script('echo first\nyes & exit 0');
    const { end, stdout } = await run(script);
    expect(end).toEqual({ how: 'exit', code: 0 });
    expect(textOf(stdout).startsWith('first\n')).toBe(true);
  });
});

describe('what the script started', () => {
  test('is left alone when it outlives a script that ended well, though it holds the outputs open', async () => {
    const { path, begun, gone } = lifeline();
    const script = bench.script(`exec 3>'${path}'\nsleep 1000 & echo $! >&3\necho '{"ok":1}'`);
    const { end, stdout } = await run(script);
    expect(end).toEqual({ how: 'exit', code: 0 });
    expect(textOf(stdout)).toBe('{"ok":1}\n');
    const [pid] = (await begun) as [string];
    // Throws when there is no such process.
    process.kill(Number(pid), 'SIGKILL');
    await gone;
  });

  test.each([
    ['hangs', 'sleep 1000'],
    ['hangs with children and grandchildren', '(sleep 1000; true) & sleep 1000 & sleep 1000'],
    ['waits for input that never comes', 'mkfifo "$0.in"; read line <"$0.in"'],
    ['ignores the polite signal', "trap '' TERM; sleep 1000 & while :; do sleep 1000; done"],
    ['floods for ever', 'yes'],
    ['has ended its outputs and goes on', 'exec >&- 2>&-; sleep 1000'],
  ])('is gone with it at the time limit when it %s', async (_name, body) => {
    const clock = clockWithLimit();
    const { path, begun, gone } = lifeline();
    const result = run(bench.script(`exec 3>'${path}'\necho begun >&3\n${body}`), { clock });
    await begun;
    clock.timeIsUp();
    expect((await result).end).toEqual({ how: 'time-limit' });
    await gone;
  });

  test('is gone with it when the call is cancelled, and what it had printed is kept', async () => {
    const { path, begun, gone } = lifeline();
    const cancel = new AbortController();
    const result = run(bench.script(`echo half\nexec 3>'${path}'\necho begun >&3\nsleep 1000 & sleep 1000`), {
      signal: cancel.signal,
    });
    await begun;
    cancel.abort();
    expect(await result).toMatchObject({ end: { how: 'aborted' } });
    expect(textOf((await result).stdout)).toBe('half\n');
    await gone;
  });

  test('may clean up behind itself on the polite signal', async () => {
    const clock = clockWithLimit();
    const { path, begun, gone } = lifeline();
    const cleaned = bench.path('cleaned');
    // `wait` is interrupted by a trapped signal, `sleep` in the foreground is not.
    const body = `trap "echo yes >'${cleaned}'; exit 0" TERM\nexec 3>'${path}'\nsleep 1000 &\necho begun >&3\nwait`;
    const slow = { ...clock, monotonic: () => systemClock.monotonic() };
    const result = run(bench.script(body), { clock: slow });
    await begun;
    clock.timeIsUp();
    expect((await result).end).toEqual({ how: 'time-limit' });
    await gone;
    expect(readFileSync(cleaned, 'utf8')).toBe('yes\n');
  });

  test('leaves no timer and no listener behind', async () => {
    const timers = new Set<() => void>();
    const clock: Clock = {
      ...clockWithLimit(),
      after(_ms, fn) {
        timers.add(fn);
        return () => timers.delete(fn);
      },
    };
    const cancel = new AbortController();
    await run(bench.script('true'), { clock, signal: cancel.signal });
    expect(timers.size).toBe(0);
    expect(getEventListeners(cancel.signal, 'abort')).toEqual([]);
  });
});
