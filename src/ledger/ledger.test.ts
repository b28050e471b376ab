import { beforeEach, describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { admission, done, goal, intent, NOW, upTo } from '../lifecycle/fixtures.ts';
import type { ContractEvent } from '../lifecycle/record.ts';
import { silentLog } from '../ports/log.ts';
import {
  bytesOf,
  contract,
  DIRECTORY,
  diskWith,
  entries,
  fold,
  journals,
  openOn,
  put,
  watched,
  write,
} from './fixtures.ts';
import { LedgerVersionError } from './format.ts';
import { LedgerLockedError } from './ledger.ts';
import { decodeLine, encodeLine } from './line.ts';
import { replay } from './replay.ts';

const A = contract(1);
const B = contract(2);
const DAY = 86_400_000;
const CLOSED: ContractEvent = { type: 'closed', why: 'removed' };
const SNAPSHOT = `${DIRECTORY}/snapshot.jsonl`;

let disk: ModelDisk;
beforeEach(() => {
  disk = new ModelDisk();
});

describe('a ledger', () => {
  it('holds what was appended, at once and after it was opened again', async () => {
    const story = [...entries(A, ...upTo('deliver')), ...entries(B, ...upTo('claim'))];
    const ledger = await openOn(disk);
    expect([...ledger.records]).toEqual([]);
    await write(ledger, story);
    expect(ledger.records).toEqual(fold(story));
    await ledger.close();
    const again = await openOn(disk);
    expect(again.records).toEqual(fold(story));
    expect([again.problems, [...again.quarantined], again.writeProblem]).toEqual([[], [], undefined]);
  });

  it('goes on after it was opened again', async () => {
    const story = entries(A, ...upTo('create'));
    disk = await diskWith(story.slice(0, 3));
    const ledger = await openOn(disk);
    await write(ledger, story.slice(3));
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold(story));
  });

  it('shows an event before it is safe, and says when it is', async () => {
    const ledger = await openOn(disk);
    const safe = ledger.append(A, admission());
    expect(ledger.records.get(A)?.goal).toBe('deliver');
    await safe;
    expect(
      journals(disk)
        .map((path) => bytesOf(disk, path).toString('utf8'))
        .join(''),
    ).toContain(A);
  });

  it('takes several events of one contract in their order', async () => {
    const ledger = await openOn(disk);
    await ledger.append(A, admission(), intent('claim'), done('claim'));
    expect(ledger.records).toEqual(fold(entries(A, intent('claim'), done('claim'))));
  });

  it('tells its listeners of each event, until they have heard enough', async () => {
    const ledger = await openOn(disk);
    const heard: unknown[] = [];
    const cancel = ledger.onEvent((of, event, at) => heard.push([of, event.type, at]));
    await ledger.append(A, admission(), intent('claim'));
    cancel();
    await ledger.append(A, done('claim'));
    expect(heard).toEqual([
      [A, 'admitted', NOW],
      [A, 'intent', NOW],
    ]);
  });

  it('numbers the entries across files, and calls for each once it is safe', async () => {
    const numbers: number[] = [];
    const onEntry = (number: number): void => void numbers.push(number);
    const first = await openOn(disk, { onEntry });
    await first.append(A, admission(), intent('claim'));
    await first.compact();
    await first.append(A, done('claim'));
    await first.close();
    const second = await openOn(disk, { onEntry });
    await second.append(A, goal('remove', 'dead'));
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it('refuses an event that cannot follow, and writes nothing of it', async () => {
    const ledger = await openOn(disk);
    expect(() => ledger.append(A, intent('claim'))).toThrow(`event intent cannot follow for contract ${A}`);
    await ledger.append(A, admission());
    expect(() => ledger.append(A, admission())).toThrow('event admitted cannot follow');
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold(entries(A)));
  });

  it('keeps side effects waiting while the disk refuses', async () => {
    const clock = new VirtualTime(NOW);
    const ledger = await openOn(disk, { clock });
    disk.failure = new Error('ENOSPC: no space left on device');
    let safe = false;
    const waiting = ledger.append(A, admission()).then(() => (safe = true));
    await clock.advance(60_000);
    expect([safe, ledger.writeProblem]).toEqual([false, 'ENOSPC: no space left on device']);
    disk.failure = undefined;
    await clock.advance(2_000);
    await waiting;
    expect(ledger.writeProblem).toBeUndefined();
  });

  it('writes lines that a person can read', async () => {
    const ledger = await openOn(disk);
    await ledger.append(A, admission());
    const [header, line] = bytesOf(disk, journals(disk)[0] ?? '')
      .toString('utf8')
      .split('\n');
    expect(decodeLine(header ?? '')).toMatchObject({ format: 'dc-agent-ledger', version: 2, after: 0 });
    expect(decodeLine(line ?? '')).toMatchObject({ n: 1, at: NOW, c: A, e: { type: 'admitted' } });
  });
});

describe('compaction', () => {
  const story = [...entries(A, ...upTo('release')), ...entries(B, ...upTo('create'))];

  it('leaves a snapshot and one new journal, and the same records', async () => {
    const ledger = await openOn(disk);
    await write(ledger, story);
    await ledger.compact();
    expect([...disk.files.keys()].sort()).toEqual([`${DIRECTORY}/journal-000000000020.jsonl`, SNAPSHOT]);
    await ledger.append(A, goal('stop'));
    await ledger.close();
    const expected = fold([...story, { contract: A, event: goal('stop') }]);
    expect((await openOn(disk)).records).toEqual(expected);
  });

  it('may be done twice in a row', async () => {
    const ledger = await openOn(disk);
    await write(ledger, story);
    await ledger.compact();
    await ledger.compact();
    await ledger.append(A, goal('stop'));
    await ledger.close();
    const again = await openOn(disk);
    expect(again.problems).toEqual([]);
    expect(again.records).toEqual(fold([...story, { contract: A, event: goal('stop') }]));
  });

  it('takes in what is appended while it runs', async () => {
    const ledger = await openOn(disk);
    const all: Promise<void>[] = [];
    for (const [index, one] of story.entries()) {
      all.push(ledger.append(one.contract, one.event));
      if (index % 5 === 0) all.push(ledger.compact());
    }
    await Promise.all(all);
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold(story));
  });

  it('is wanted after so many entries, and not again at once', async () => {
    const ledger = await openOn(disk, { snapshotAfter: 3 });
    await ledger.append(A, admission(), intent('claim'));
    expect(ledger.wantsCompaction).toBe(false);
    await ledger.append(A, done('claim'));
    expect(ledger.wantsCompaction).toBe(true);
    await ledger.compact();
    expect(ledger.wantsCompaction).toBe(false);
  });

  it('counts the entries of earlier runs', async () => {
    disk = await diskWith(story);
    expect((await openOn(disk, { snapshotAfter: 21 })).wantsCompaction).toBe(false);
    disk.release();
    expect((await openOn(disk, { snapshotAfter: 20 })).wantsCompaction).toBe(true);
  });

  it('is wanted after 20,000 entries unless told otherwise, and done at start after a tenth of it', async () => {
    const ledger = await openOn(disk);
    await ledger.append(A, admission());
    const some = Array.from({ length: 1_999 }, (): ContractEvent => ({ type: 'ends', endsAt: 1 }));
    await ledger.append(A, ...some.slice(1));
    await ledger.close();
    await (await openOn(disk)).close();
    expect(journals(disk)).toEqual([`${DIRECTORY}/journal-000000000000.jsonl`]);
    const second = await openOn(disk);
    await second.append(A, { type: 'ends', endsAt: 2 });
    await second.close();
    const third = await openOn(disk);
    expect(journals(disk)).toEqual([`${DIRECTORY}/journal-000000002000.jsonl`]);
    await third.append(A, ...Array.from({ length: 19_999 }, (): ContractEvent => ({ type: 'ends', endsAt: 3 })));
    expect(third.wantsCompaction).toBe(false);
    await third.append(A, { type: 'ends', endsAt: 4 });
    expect(third.wantsCompaction).toBe(true);
  });

  it('that failed leaves everything as it was, and a later one works', async () => {
    const ledger = await openOn(disk);
    await write(ledger, story);
    disk.failure = new Error('ENOSPC');
    await expect(ledger.compact()).rejects.toThrow('ENOSPC');
    disk.failure = undefined;
    await ledger.append(A, goal('stop'));
    await ledger.compact();
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold([...story, { contract: A, event: goal('stop') }]));
  });

  it('forgets a closed contract after thirty days, not earlier, and never an open one', async () => {
    const clock = new VirtualTime(NOW);
    const ledger = await openOn(disk, { clock });
    await ledger.append(A, admission(), goal('remove', 'dead'), CLOSED);
    await ledger.append(B, admission());
    await clock.advance(30 * DAY);
    await ledger.compact();
    expect([...ledger.records.keys()]).toEqual([A, B]);
    await clock.advance(1);
    await ledger.compact();
    expect([...ledger.records.keys()]).toEqual([B]);
    await ledger.close();
    expect([...(await openOn(disk)).records.keys()]).toEqual([B]);
  });
});

describe('opening', () => {
  it('refuses a directory that is in use, and names the process when it can', async () => {
    await openOn(disk);
    await expect(openOn(disk)).rejects.toThrow(
      /^another dc-agent uses \/state\. Two agents .* state_dir of its own\.$/,
    );
    put(disk, `${DIRECTORY}/lock`, '4711\n');
    await expect(openOn(disk)).rejects.toThrow('another dc-agent (process 4711) uses /state.');
    await expect(openOn(disk)).rejects.toThrow(LedgerLockedError);
    await expect(openOn(disk)).rejects.toMatchObject({ name: 'LedgerLockedError' });
  });

  it('is possible again after the ledger was closed, also when closing failed', async () => {
    const faulty = watched(disk, (name, _path, call) => (name === 'close' ? Promise.reject(new Error('EIO')) : call()));
    const ledger = await openOn(faulty);
    await ledger.append(A, admission());
    await expect(ledger.close()).rejects.toThrow('EIO');
    expect((await openOn(disk)).records).toEqual(fold(entries(A)));
  });

  it('leaves the lock free when it fails', async () => {
    disk.failure = new Error('EROFS');
    await expect(openOn(disk)).rejects.toThrow('EROFS');
    disk.failure = undefined;
    expect((await openOn(disk)).records.size).toBe(0);
  });

  it.each(['snapshot.jsonl', 'journal-000000000000.jsonl'])(
    'refuses a newer %s without touching anything',
    async (name) => {
      disk = await diskWith(entries(A));
      put(disk, `${DIRECTORY}/${name}`, encodeLine({ format: 'dc-agent-ledger', version: 3, n: 0, after: 0 }));
      const before = JSON.stringify([...disk.files]);
      await expect(openOn(disk)).rejects.toThrow(LedgerVersionError);
      await expect(openOn(disk)).rejects.toThrow(
        `${name} has format version 3, and this program knows up to 2: it was written by a newer dc-agent. ` +
          'Run that version again, or a newer one; going back would lose promises made to tenants.',
      );
      await expect(openOn(disk)).rejects.toMatchObject({ name: 'LedgerVersionError' });
      expect(JSON.stringify([...disk.files])).toBe(before);
    },
  );

  it('refuses a version that is no number', async () => {
    put(disk, `${DIRECTORY}/snapshot.jsonl`, encodeLine({ format: 'dc-agent-ledger', version: 'x' }));
    await expect(openOn(disk)).rejects.toThrow('has format version x');
  });

  it('drops a torn last line, and says so', async () => {
    disk = await diskWith(entries(A, ...upTo('claim')));
    const path = journals(disk)[0] ?? '';
    const whole = bytesOf(disk, path);
    put(disk, path, whole.subarray(0, -5));
    const torn = whole.length - 5 - (whole.lastIndexOf(0x0a, -2) + 1);
    const warned: unknown[] = [];
    const log = { ...silentLog, warn: (fields: object, message: string) => void warned.push([fields, message]) };
    const ledger = await openOn(disk, { log });
    expect(ledger.records).toEqual(fold(entries(A, intent('claim'))));
    expect(warned).toEqual([
      [
        { file: 'journal-000000000000.jsonl', bytes: torn },
        'a torn last ledger entry was dropped: it was never acted upon',
      ],
    ]);
    await ledger.append(A, done('claim'));
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold(entries(A, ...upTo('claim'))));
  });

  it('says what is damaged', async () => {
    disk = await diskWith([...entries(A, intent('claim')), ...entries(B)]);
    const path = journals(disk)[0] ?? '';
    put(disk, path, `${bytesOf(disk, path).toString('utf8').replace('"attempt":1', '"attempt":7')}garbage\n`);
    const said: unknown[] = [];
    await openOn(disk, { log: { ...silentLog, error: (fields, message) => void said.push([fields, message]) } });
    expect(said).toEqual([
      [
        { problem: 'a line of journal-000000000000.jsonl is damaged, and its contract cannot be told' },
        'the ledger is damaged',
      ],
      [
        { contract: A, why: 'a line of journal-000000000000.jsonl is damaged' },
        'a contract is quarantined: its ledger entries are damaged',
      ],
    ]);
  });

  it('makes its directory before it looks into it', async () => {
    const calls: unknown[] = [];
    const noted = watched(disk, (name, path, call) => {
      calls.push([name, path]);
      return call();
    });
    await openOn(noted);
    expect(calls.slice(0, 3)).toEqual([
      ['ensureDirectory', DIRECTORY],
      ['lock', `${DIRECTORY}/lock`],
      ['list', DIRECTORY],
    ]);
  });

  it('says nothing about a journal that is whole', async () => {
    disk = await diskWith(entries(A));
    const said: unknown[] = [];
    const note = (fields: object): void => void said.push(fields);
    await openOn(disk, { log: { ...silentLog, warn: note, error: note } });
    expect(said).toEqual([]);
  });

  it('ignores what an interrupted replacement left, and files of others', async () => {
    disk = await diskWith(entries(A));
    put(disk, `${SNAPSHOT}.new`, 'half');
    put(disk, `${DIRECTORY}/journal-000000000000.jsonl.new`, 'half');
    put(disk, `${DIRECTORY}/journal-7.jsonl`, 'not ours');
    put(disk, `${DIRECTORY}/agent.sock`, '');
    const ledger = await openOn(disk);
    expect([ledger.records, ledger.problems]).toEqual([fold(entries(A)), []]);
  });

  it('replays ten thousand contracts', async () => {
    const story = Array.from({ length: 10_000 }, (_, index) => entries(contract(index), ...upTo('announce'))).flat();
    let number = 0;
    const lines = story.map((one) => encodeLine({ n: ++number, at: NOW, c: one.contract, e: one.event }));
    put(disk, `${DIRECTORY}/journal-000000000000.jsonl`, lines.join(''));
    const state = await replay(disk, DIRECTORY);
    expect([state.records.size, state.last, state.journalled]).toEqual([10_000, 50_000, 50_000]);
    expect(state.records.get(contract(9_999))).toEqual(
      fold(entries(contract(9_999), ...upTo('announce'))).get(contract(9_999)),
    );
  });
});
