import { describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { done, goal, intent, upTo } from '../lifecycle/fixtures.ts';
import type { Disk } from '../ports/disk.ts';
import {
  bytesOf,
  contract,
  diskWith,
  type Entry,
  entries,
  fold,
  journals,
  openOn,
  put,
  watched,
  write,
} from './fixtures.ts';
import type { Ledger } from './ledger.ts';

/** Three contracts side by side, in an order that mixes them. */
const STORY: readonly Entry[] = interleave(
  [1, 2, 3].map((number) => entries(contract(number), ...upTo('create'), goal('stop'))),
);

function interleave(stories: readonly Entry[][]): Entry[] {
  const length = Math.max(...stories.map((story) => story.length));
  return Array.from({ length }).flatMap((_, index) => stories.flatMap((story) => story[index] ?? []));
}

/** Ends the process at one of its calls: before anything of it happened, or when all of it had. */
class Death {
  calls = 0;
  readonly seen: Promise<void>;
  readonly #at: number;
  readonly #when: 'before' | 'after';
  #die: () => void = () => {};

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
    this.seen = new Promise((resolve) => (this.#die = resolve));
  }

  disk(inner: Disk): Disk {
    return watched(inner, async (_name, _path, call) => {
      const mine = this.calls++;
      if (mine < this.#at) return call();
      if (mine === this.#at && this.#when === 'after') await call();
      this.#die();
      return new Promise<never>(() => {});
    });
  }
}

interface Told {
  handedIn: number;
  safe: number;
}

/** Uses a ledger the way the daemon does: some entries awaited, some handed in together, snapshots in between. */
async function useLedger(disk: Disk, told: Told): Promise<void> {
  const ledger = await openOn(disk);
  const waiting: Promise<void>[] = [];
  for (const [index, one] of STORY.entries()) {
    const number = index + 1;
    told.handedIn = number;
    waiting.push(ledger.append(one.contract, one.event).then(() => void (told.safe = number)));
    if (index % 4 === 3) await Promise.all(waiting);
    if (index % 9 === 8) await ledger.compact();
  }
  await Promise.all(waiting);
  await ledger.close();
}

const HOLDS = new Map(
  Array.from({ length: STORY.length + 1 }, (_, count) => [textOf(fold(STORY.slice(0, count))), count]),
);

function textOf(records: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...records].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** How many entries of the story a ledger holds; -1 when it does not hold a beginning of the story and nothing else. */
function heldBy(ledger: Ledger): number {
  return HOLDS.get(textOf(ledger.records)) ?? -1;
}

async function countCalls(): Promise<number> {
  const death = new Death(Infinity, 'before');
  await useLedger(death.disk(new ModelDisk()), { handedIn: 0, safe: 0 });
  return death.calls;
}

describe('a ledger whose process ends', () => {
  it.each(['before', 'after'] as const)(
    '%s any of its disk calls has everything that was said to be safe',
    async (when) => {
      const calls = await countCalls();
      expect(calls).toBeGreaterThan(30);
      for (let at = 0; at < calls; at++) {
        for (const powerCut of [false, true]) {
          const disk = new ModelDisk();
          const told = { handedIn: 0, safe: 0 };
          const death = new Death(at, when);
          await Promise.race([useLedger(death.disk(disk), told), death.seen]);
          if (powerCut) disk.crash(new SeededRandom(at));
          else disk.release();
          const ledger = await openOn(disk);
          const held = heldBy(ledger);
          expect(held, `call ${at}, ${powerCut ? 'power cut' : 'kill'}`).toBeGreaterThanOrEqual(told.safe);
          expect(held).toBeLessThanOrEqual(told.handedIn);
          expect([ledger.problems, [...ledger.quarantined]]).toEqual([[], []]);
          await write(ledger, STORY.slice(held));
          await ledger.close();
          expect(heldBy(await openOn(disk)), `call ${at}: goes on`).toBe(STORY.length);
        }
      }
    },
  );

  it('anywhere while it is opened again, and again, loses nothing', async () => {
    const begun = await diskWith(STORY.slice(0, 10));
    const path = journals(begun)[0] ?? '';
    put(begun, path, Buffer.concat([bytesOf(begun, path), Buffer.from('{"n":11,"at":18')]));
    for (let at = 0; at < 12; at++) {
      const disk = copy(begun);
      for (const when of ['before', 'after'] as const) {
        const death = new Death(at, when);
        await Promise.race([openOn(death.disk(disk)).then((ledger) => ledger.compact()), death.seen]);
        disk.crash(new SeededRandom(at));
      }
      expect(heldBy(await openOn(disk)), `call ${at}`).toBe(10);
    }
  });

  it('leaves whole entries and at most one torn one, wherever the last write was cut', async () => {
    const disk = await diskWith(STORY.slice(0, 4));
    const path = journals(disk)[0] ?? '';
    const bytes = bytesOf(disk, path);
    for (let length = 0; length <= bytes.length; length++) {
      const cut = copy(disk);
      put(cut, path, bytes.subarray(0, length));
      const ledger = await openOn(cut);
      const whole = bytes.subarray(0, length).filter((byte) => byte === 0x0a).length - 1;
      expect(heldBy(ledger), `${length} bytes`).toBe(Math.max(0, whole));
      expect([ledger.problems, [...ledger.quarantined]]).toEqual([[], []]);
      await write(ledger, STORY.slice(Math.max(0, whole)));
      await ledger.close();
      expect(heldBy(await openOn(cut)), `${length} bytes, goes on`).toBe(STORY.length);
    }
  });

  it('is opened again after each of many crashes', async () => {
    const random = new SeededRandom(11);
    const disk = new ModelDisk();
    let held = 0;
    for (let life = 0; held < STORY.length; life++) {
      const death = new Death(8 + random.below(8), random.chance(0.5) ? 'before' : 'after');
      const told = { safe: held };
      await Promise.race([goOn(death.disk(disk), told), death.seen]);
      disk.crash(random);
      const ledger = await openOn(disk);
      held = heldBy(ledger);
      expect(held, `life ${life}`).toBeGreaterThanOrEqual(told.safe);
      await ledger.close();
    }
    expect(held).toBe(STORY.length);
  });
});

async function goOn(disk: Disk, told: { safe: number }): Promise<void> {
  const ledger = await openOn(disk);
  for (const [index, one] of STORY.entries()) {
    if (index < told.safe) continue;
    await ledger.append(one.contract, one.event);
    told.safe = index + 1;
    if (index % 3 === 0) await ledger.compact();
  }
}

function copy(disk: ModelDisk): ModelDisk {
  const other = new ModelDisk();
  for (const [path, file] of disk.files) put(other, path, file.bytes);
  return other;
}

describe('an intent', () => {
  it('is on disk before its promise resolves, so that no side effect goes unnoticed', async () => {
    const disk = await diskWith(entries(contract(1)));
    const ledger = await openOn(disk);
    await ledger.append(contract(1), intent('create'));
    disk.crash(new SeededRandom(1));
    expect((await openOn(disk)).records.get(contract(1))).toMatchObject({
      machine: 'maybe',
      running: { step: 'create' },
    });
  });

  it('that nobody waited for may be lost, and nothing before it', async () => {
    const disk = await diskWith(entries(contract(1), done('claim')));
    let alive = true;
    const ledger = await openOn(watched(disk, (_name, _path, call) => (alive ? call() : new Promise<never>(() => {}))));
    void ledger.append(contract(1), intent('create'));
    alive = false;
    disk.crash(new SeededRandom(1));
    expect((await openOn(disk)).records).toEqual(fold(entries(contract(1), done('claim'))));
  });
});
