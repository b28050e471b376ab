import { beforeEach, describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import type { AppendFile } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';
import { silentLog } from '../ports/log.ts';
import { bytesOf, put, watched } from './fixtures.ts';
import { Journal } from './journal.ts';

const PATH = '/state/journal-000000000000.jsonl';

/** A disk with so much room left: what no longer fits is written in part, as a real one does. */
class SmallDisk extends ModelDisk {
  room = Infinity;

  override async openAppend(path: string): Promise<AppendFile> {
    const file = await super.openAppend(path);
    return {
      ...file,
      append: async (bytes) => {
        const fits = Math.min(bytes.length, this.room);
        await file.append(bytes.slice(0, fits));
        this.room -= fits;
        if (fits < bytes.length) throw new Error('ENOSPC: no space left on device');
      },
    };
  }
}

let disk: SmallDisk;
let time: VirtualTime;
let calls: string[];
let journal: Journal;
let logged: string[];

function log(): Log {
  const note = (_fields: object, message: string): void => void logged.push(message);
  return { ...silentLog, info: note, error: note };
}

function makeJournal(length = 0): Journal {
  const noted = watched(disk, async (name, _path, call) => {
    calls.push(name);
    return call();
  });
  return new Journal(noted, time, log(), PATH, length);
}

function text(path = PATH): string {
  return bytesOf(disk, path).toString('utf8');
}

/** Whether a promise has settled once nothing goes on without time. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await time.advance(0);
  return settled;
}

beforeEach(() => {
  disk = new SmallDisk();
  time = new VirtualTime();
  calls = [];
  logged = [];
  journal = makeJournal();
});

describe('appending', () => {
  it('is done once the line is synced', async () => {
    await journal.append('one\n');
    expect(text()).toBe('one\n');
    expect(disk.files.get(PATH)?.synced).toBe(4);
    expect(journal.length).toBe(4);
  });

  it('keeps the order and shares one sync among all that wait', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => journal.append(`${index}\n`)));
    expect(text()).toBe(Array.from({ length: 200 }, (_, index) => `${index}\n`).join(''));
    expect(calls).toEqual(['openAppend', 'append', 'sync']);
  });

  it('collects what comes while a sync runs for the next one', async () => {
    const first = journal.append('0\n');
    await Promise.resolve();
    await Promise.resolve();
    const rest = Array.from({ length: 50 }, (_, index) => journal.append(`${index + 1}\n`));
    await Promise.all([first, ...rest]);
    expect(calls.filter((name) => name === 'sync')).toHaveLength(2);
  });

  it('resolves its callers in the order of their lines', async () => {
    const order: number[] = [];
    await Promise.all([0, 1, 2].map((index) => journal.append(`${index}\n`).then(() => order.push(index))));
    expect(order).toEqual([0, 1, 2]);
  });

  it('opens its file once', async () => {
    await journal.append('one\n');
    await journal.append('two\n');
    expect(calls).toEqual(['openAppend', 'append', 'sync', 'append', 'sync']);
  });
});

describe('a disk that refuses', () => {
  it('keeps the caller waiting, says why, and goes on when there is room again', async () => {
    await journal.append('one\n');
    disk.room = 2;
    const second = journal.append('two\n');
    expect(await isSettled(second)).toBe(false);
    expect(journal.problem).toBe('ENOSPC: no space left on device');
    expect(logged).toEqual(['the ledger cannot be written: no step is taken until it can']);
    await time.advance(1_999);
    expect(text()).toBe('one\ntw');
    await time.advance(10_000);
    expect(await isSettled(second)).toBe(false);
    expect(text()).toBe('one\n');
    disk.room = Infinity;
    await time.advance(2_000);
    await second;
    expect(text()).toBe('one\ntwo\n');
    expect(journal.problem).toBeUndefined();
    expect(logged.at(-1)).toBe('the ledger can be written again');
  });

  it('does not say that it works again when it never failed', async () => {
    await journal.append('one\n');
    await journal.append('two\n');
    expect(logged).toEqual([]);
  });

  it('is not asked more than once in two seconds', async () => {
    disk.room = 0;
    const waiting = journal.append('one\n');
    await time.advance(20_000);
    expect(calls.filter((name) => name === 'append')).toHaveLength(11);
    disk.room = Infinity;
    await time.advance(2_000);
    await waiting;
  });

  it('is cut back first when not even that works at once', async () => {
    await journal.append('one\n');
    disk.failure = new Error('EROFS: read-only file system');
    const second = journal.append('two\n');
    await time.advance(10_000);
    expect(journal.problem).toBe('EROFS: read-only file system');
    expect(await isSettled(second)).toBe(false);
    disk.failure = undefined;
    await time.advance(2_000);
    await second;
    expect(text()).toBe('one\ntwo\n');
  });

  it('tells a problem that is no Error too, and the one that it has now', async () => {
    const problems: unknown[] = ['at first', 'then', new Error('and then')];
    const odd = watched(disk, () => Promise.reject(problems[0]));
    const broken = new Journal(odd, time, silentLog, PATH, 0);
    void broken.append('one\n');
    for (const expected of ['at first', 'then', 'and then']) {
      await time.advance(0);
      expect(broken.problem).toBe(expected);
      problems.shift();
      await time.advance(2_000);
    }
    await expect(broken.close()).resolves.toBeUndefined();
  });

  it('may refuse to close the file that failed', async () => {
    const refused = new Set(['sync', 'close']);
    const shaky = watched(disk, (name, _path, call) => {
      if (refused.delete(name)) return Promise.reject(new Error(`EIO: ${name}`));
      return call();
    });
    const said: unknown[] = [];
    const noted = { ...silentLog, debug: (fields: object, message: string) => void said.push([fields, message]) };
    const waiting = new Journal(shaky, time, noted, PATH, 0).append('one\n');
    await time.advance(2_000);
    await waiting;
    expect(text()).toBe('one\n');
    expect(said).toEqual([[{ error: new Error('EIO: close') }, 'closing the failed ledger file failed too']]);
  });

  it('is not closed when it was never open', async () => {
    let refusing = true;
    const shut = watched(disk, (name, _path, call) => {
      if (name === 'openAppend' && refusing) return Promise.reject(new Error('EACCES'));
      return call();
    });
    put(disk, PATH, '');
    const said: unknown[] = [];
    const waiting = new Journal(shut, time, { ...silentLog, debug: (fields) => said.push(fields) }, PATH, 0).append(
      'one\n',
    );
    await time.advance(1_000);
    refusing = false;
    await time.advance(1_000);
    await waiting;
    expect(said).toEqual([]);
  });

  it('opens the file anew after a failure, and closes the one that failed', async () => {
    disk.room = 1;
    const waiting = journal.append('one\n');
    await time.advance(0);
    disk.room = Infinity;
    await time.advance(2_000);
    await waiting;
    expect(calls).toEqual(['openAppend', 'append', 'close', 'truncate', 'openAppend', 'append', 'sync']);
  });

  it('keeps everything that waits in order', async () => {
    disk.room = 0;
    const all = [journal.append('one\n')];
    await time.advance(1_000);
    all.push(journal.append('two\n'), journal.append('three\n'));
    disk.room = Infinity;
    await time.advance(2_000);
    await Promise.all(all);
    expect(text()).toBe('one\ntwo\nthree\n');
  });
});

describe('holding', () => {
  it('waits for what was handed in, and keeps back what comes later', async () => {
    const first = journal.append('one\n');
    await journal.hold();
    expect(await isSettled(first)).toBe(true);
    const second = journal.append('two\n');
    expect(await isSettled(second)).toBe(false);
    expect(text()).toBe('one\n');
    journal.resume();
    await second;
    expect(text()).toBe('one\ntwo\n');
  });

  it('waits until the sync that runs has ended', async () => {
    let finish = (): void => {};
    const slow = watched(disk, async (name, _path, call) => {
      if (name === 'sync') await new Promise<void>((resolve) => (finish = resolve));
      return call();
    });
    const busy = new Journal(slow, time, silentLog, PATH, 0);
    void busy.append('one\n');
    const held = busy.hold();
    expect(await isSettled(held)).toBe(false);
    finish();
    expect(await isSettled(held)).toBe(true);
  });

  it('goes on in another file', async () => {
    await journal.append('one\n');
    await journal.hold();
    const second = journal.append('two\n');
    const other = '/state/journal-000000000001.jsonl';
    await journal.continueIn(other, 'header\n');
    journal.resume();
    await second;
    expect([text(), text(other)]).toEqual(['one\n', 'header\ntwo\n']);
    expect(journal.length).toBe(11);
    expect(calls.filter((name) => name === 'close')).toHaveLength(1);
  });

  it('leaves nothing of an earlier attempt in the new file, so that cutting back never cuts too much', async () => {
    const other = '/state/journal-000000000001.jsonl';
    put(disk, other, 'half a hea');
    await journal.hold();
    await journal.continueIn(other, 'header\n');
    journal.resume();
    await journal.append('one\n');
    disk.room = 2;
    const second = journal.append('two\n');
    await time.advance(0);
    disk.room = Infinity;
    await time.advance(2_000);
    await second;
    expect(text(other)).toBe('header\none\ntwo\n');
  });

  it('stays in the old file when the new one cannot be begun', async () => {
    await journal.append('one\n');
    await journal.hold();
    disk.failure = new Error('ENOSPC');
    await expect(journal.continueIn('/state/journal-000000000001.jsonl', 'header\n')).rejects.toThrow('ENOSPC');
    disk.failure = undefined;
    journal.resume();
    await journal.append('two\n');
    expect(text()).toBe('one\ntwo\n');
  });

  it('does nothing to a journal for which nobody waits', async () => {
    await journal.hold();
    journal.resume();
    expect(await isSettled(Promise.resolve())).toBe(true);
    expect(calls).toEqual([]);
  });
});

describe('closing', () => {
  it('waits for what was handed in', async () => {
    const first = journal.append('one\n');
    await journal.close();
    expect(text()).toBe('one\n');
    await first;
    expect(calls.at(-1)).toBe('close');
  });

  it('gives up what a refusing disk has not taken, and never writes it later, when the file may be another process’s', async () => {
    await journal.append('one\n');
    disk.room = 2;
    const lost = journal.append('two\n');
    await time.advance(0);
    await journal.close();
    disk.room = Infinity;
    put(disk, PATH, 'one\nof the next process\n');
    await time.advance(60_000);
    expect(text()).toBe('one\nof the next process\n');
    expect(await isSettled(lost)).toBe(false);
  });

  it('cannot be held once it was closed on a refusing disk: what is kept back is never flushed', async () => {
    journal = makeJournal();
    disk.room = 0;
    void journal.append('one\n');
    await time.advance(10);
    const held = journal.hold();
    await journal.close();
    await expect(held).rejects.toThrow('the ledger is closed');
    await expect(journal.hold()).rejects.toThrow('the ledger is closed');
  });

  it('gives up when the disk begins to refuse while it closes', async () => {
    await journal.append('one\n');
    disk.room = 0;
    const lost = journal.append('two\n');
    await journal.close();
    disk.room = Infinity;
    await time.advance(60_000);
    expect(text()).toBe('one\n');
    expect(await isSettled(lost)).toBe(false);
  });

  it('leaves no timer behind', async () => {
    let timers = 0;
    const counting = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      after: (ms: number, fn: () => void) => {
        timers++;
        const cancel = time.after(ms, fn);
        return () => {
          timers--;
          cancel();
        };
      },
    };
    disk.room = 0;
    const waiting = new Journal(disk, counting, silentLog, PATH, 0);
    void waiting.append('one\n');
    await time.advance(0);
    expect(timers).toBe(1);
    await waiting.close();
    expect(timers).toBe(0);
  });

  it('takes nothing any more', async () => {
    await journal.append('one\n');
    await journal.close();
    const late = journal.append('two\n');
    expect(await isSettled(late)).toBe(false);
    expect(text()).toBe('one\n');
  });
});
