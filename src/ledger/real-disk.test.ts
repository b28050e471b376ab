import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { admission, goal, NOW, upTo } from '../lifecycle/fixtures.ts';
import { systemDisk } from '../ports/system-disk.ts';
import { contract, entries, fold, openOn, write } from './fixtures.ts';
import { type Ledger, LedgerLockedError } from './ledger.ts';

/** A process that owns a ledger: says `open`, then the number of each entry once it is safe. */
const OWNER = `
  import { openLedger } from './ledger.ts';
  import { systemDisk } from '../ports/system-disk.ts';
  import { systemClock } from '../ports/clock.ts';
  import { silentLog } from '../ports/log.ts';
  const [directory, contract, admission] = process.argv.slice(2);
  const say = (text) => process.stdout.write(text + '\\n');
  const ledger = await openLedger({ disk: systemDisk, directory, clock: systemClock, log: silentLog, onEntry: (n) => say(String(n)) });
  say('open');
  if (!ledger.records.has(contract)) await ledger.append(contract, JSON.parse(admission));
  for (let n = 0; ; n++) {
    await ledger.append(contract, { type: 'ends', endsAt: n });
    if (n % 50 === 49) await ledger.compact();
  }
`;

let program: string;
let directory: string;
let state: string;
const children = new Set<ChildProcess>();
const ledgers = new Set<Ledger>();

beforeAll(async () => {
  program = join(await mkdtemp(join(tmpdir(), 'dc-ledger-owner-')), 'owner.mjs');
  await build({
    stdin: { contents: OWNER, loader: 'ts', resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
  });
});

afterAll(() => rm(join(program, '..'), { recursive: true, force: true }));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-ledger-'));
  state = join(directory, 'state', 'ledger');
});

afterEach(async () => {
  for (const child of children) await kill(child);
  for (const ledger of ledgers) await ledger.close();
  ledgers.clear();
  await rm(directory, { recursive: true, force: true });
});

async function open(onEntry: (number: number) => void = () => {}): Promise<Ledger> {
  const ledger = await openOn(systemDisk, { directory: state, clock: new VirtualTime(NOW), onEntry });
  ledgers.add(ledger);
  return ledger;
}

async function close(ledger: Ledger): Promise<void> {
  ledgers.delete(ledger);
  await ledger.close();
}

/** Starts an owner and waits until it has said so many lines. */
async function owner(lines: number): Promise<{ child: ChildProcess; said: string[] }> {
  const child = spawn(process.execPath, [program, state, contract(1), JSON.stringify(admission())], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line);
      if (said.length === lines) resolve();
    });
    child.on('exit', (code) => reject(new Error(`the owner ended with ${code} after: ${said.join(' ')}`)));
  });
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  // `close` comes after everything that it said was read.
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('a ledger on the real disk', () => {
  it('holds what was appended after it was opened again, with and without a snapshot', async () => {
    const story = [...entries(contract(1), ...upTo('deliver')), ...entries(contract(2), ...upTo('create'))];
    const first = await open();
    await write(first, story.slice(0, 9));
    await close(first);
    const second = await open();
    expect(second.records).toEqual(fold(story.slice(0, 9)));
    await write(second, story.slice(9));
    await second.compact();
    await second.append(contract(2), goal('stop'));
    await close(second);
    const third = await open();
    expect(third.records).toEqual(fold([...story, { contract: contract(2), event: goal('stop') }]));
    expect(await readdir(state)).toEqual(['journal-000000000018.jsonl', 'lock', 'snapshot.jsonl']);
  });

  it('can be read by its owner only, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      const ledger = await open();
      await write(ledger, entries(contract(1)));
      await ledger.compact();
      await write(ledger, entries(contract(2)));
    } finally {
      process.umask(before);
    }
    expect(await mode(state)).toBe('700');
    for (const name of await readdir(state)) expect([name, await mode(join(state, name))]).toEqual([name, '600']);
  });
});

describe('the lock of a ledger', () => {
  it('keeps a second agent out, in this process and in another, and names the holder', async () => {
    const { child } = await owner(1);
    await expect(open()).rejects.toThrow(LedgerLockedError);
    await expect(open()).rejects.toThrow(`another dc-agent (process ${child.pid}) uses ${state}.`);
    await kill(child);
    await open();
    await expect(open()).rejects.toThrow(`another dc-agent (process ${process.pid}) uses ${state}.`);
  });

  it('is free again once its holder closed', async () => {
    for (let turn = 0; turn < 3; turn++) {
      const ledger = await open();
      expect(ledger.records.size).toBe(0);
      await close(ledger);
    }
  });

  it('of a killed process blocks nobody, and everything that it called safe is there', async () => {
    let safe = 0;
    for (const lines of [40, 90, 170]) {
      const { child, said } = await owner(lines);
      await kill(child);
      const numbers = said.filter((line) => line !== 'open').map(Number);
      expect(numbers[0], 'it goes on after what was safe before').toBe(safe + 1);
      const ledger = await open((number) => (safe = number));
      expect([ledger.problems, [...ledger.quarantined]]).toEqual([[], []]);
      await ledger.append(contract(1), { type: 'ends', endsAt: -1 });
      expect(safe).toBeGreaterThan(numbers.at(-1) ?? Infinity);
      await close(ledger);
    }
  });
});

describe('a state directory', () => {
  it('that cannot be made is said to be so', async () => {
    await writeFile(join(directory, 'state'), 'a file is in the way');
    await expect(open()).rejects.toThrow(`ENOTDIR: not a directory, mkdir '${state}'`);
  });
});
