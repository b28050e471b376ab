import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { admission, done, goal, intent, NOW, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord } from '../lifecycle/record.ts';
import type { ContractId } from '../ports/ids.ts';
import {
  bytesOf,
  contract,
  DIRECTORY,
  diskWith,
  type Entry,
  entries,
  fold,
  journals,
  openOn,
  put,
} from './fixtures.ts';
import { LEDGER_VERSION, LedgerVersionError } from './format.ts';
import type { Ledger } from './ledger.ts';
import { encodeLine } from './line.ts';

const [A, B, C] = [contract(1), contract(2), contract(3)];
const STORY: readonly Entry[] = [
  ...entries(A, ...upTo('claim')),
  ...entries(B, ...upTo('announce')),
  ...entries(C, intent('claim')),
  { contract: A, event: intent('announce') },
  { contract: C, event: done('claim') },
  { contract: B, event: intent('create') },
];
const WHOLE = fold(STORY);
const JOURNAL = `${DIRECTORY}/journal-000000000000.jsonl`;
const SNAPSHOT = `${DIRECTORY}/snapshot.jsonl`;

async function journalBytes(): Promise<Buffer> {
  const disk = await diskWith(STORY);
  return bytesOf(disk, JOURNAL);
}

async function snapshotBytes(): Promise<Buffer> {
  const disk = await diskWith(STORY);
  const ledger = await openOn(disk);
  await ledger.compact();
  return bytesOf(disk, SNAPSHOT);
}

function diskOf(files: Record<string, Uint8Array | string>): ModelDisk {
  const disk = new ModelDisk();
  for (const [path, bytes] of Object.entries(files)) put(disk, path, bytes);
  return disk;
}

function same(a: ContractRecord | undefined, b: ContractRecord | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The contracts that a ledger would act upon although it does not know everything that was acknowledged about them. */
function silentlyWrong(ledger: Ledger): ContractId[] {
  return [A, B, C].filter((one) => !ledger.quarantined.has(one) && !same(ledger.records.get(one), WHOLE.get(one)));
}

/** The contract that a line is about, by the story. */
function lineAt(bytes: Buffer, index: number): string {
  const start = bytes.lastIndexOf(0x0a, index - 1) + 1;
  const end = bytes.indexOf(0x0a, index);
  return bytes.toString('utf8', start, end === -1 ? bytes.length : end);
}

describe('a damaged byte in the journal', () => {
  it('is never overlooked, and stops nobody but whose line it is in', async () => {
    const bytes = await journalBytes();
    const headerEnd = bytes.indexOf(0x0a);
    for (let index = 0; index < bytes.length; index++) {
      for (const flip of [0x01, 0x80, (bytes[index] ?? 0) ^ 0x0a]) {
        if (flip === 0) continue;
        const damaged = Buffer.from(bytes);
        damaged[index] = (damaged[index] ?? 0) ^ flip;
        const ledger = await openOn(diskOf({ [SNAPSHOT]: '', [JOURNAL]: damaged }));
        const where = `byte ${index} ^ ${flip}`;
        expect(silentlyWrong(ledger), where).toEqual([]);
        const line = lineAt(bytes, index);
        const next = bytes[index] === 0x0a ? lineAt(bytes, index + 1) : '';
        const known = [A, B, C].filter((one) => ledger.quarantined.has(one));
        for (const one of known) expect(line.includes(one) || next.includes(one), `${where}: ${one}`).toBe(true);
        if (index < headerEnd) expect(ledger.problems.length, where).toBeGreaterThan(0);
      }
    }
  });

  it('leaves the contract as it was before that line, and says which file', async () => {
    const bytes = await journalBytes();
    const at = bytes.lastIndexOf(`"c":"${A}"`);
    bytes[at - 3] = 0x7e;
    const ledger = await openOn(diskOf({ [JOURNAL]: bytes }));
    expect([...ledger.quarantined]).toEqual([[A, 'a line of journal-000000000000.jsonl is damaged']]);
    expect(ledger.records.get(A)).toEqual(fold(entries(A, ...upTo('claim'))).get(A));
    expect(ledger.records.get(B)).toEqual(WHOLE.get(B));
  });

  it('stops everything that would be done about that contract', async () => {
    const bytes = await journalBytes();
    bytes[bytes.lastIndexOf(A) - 10] = 0x7e;
    const ledger = await openOn(diskOf({ [JOURNAL]: bytes }));
    expect(() => ledger.append(A, goal('keep'))).toThrow(`contract ${A} is quarantined`);
    await ledger.append(B, done('create'));
  });

  it('is remembered after the journal was thrown away', async () => {
    const bytes = await journalBytes();
    bytes[bytes.lastIndexOf(A) - 10] = 0x7e;
    const disk = diskOf({ [JOURNAL]: bytes });
    const ledger = await openOn(disk);
    const before = ledger.records.get(A);
    await ledger.compact();
    await ledger.compact();
    await ledger.close();
    const again = await openOn(disk);
    expect([...again.quarantined]).toEqual([[A, 'a line of journal-000000000000.jsonl is damaged']]);
    expect(again.records.get(A)).toEqual(before);
  });

  it('is remembered for a contract of which nothing else is known', async () => {
    const line = encodeLine({ n: 1, at: NOW, c: A, e: admission() }).replace('small', 'large');
    const disk = diskOf({ [JOURNAL]: line });
    const ledger = await openOn(disk);
    expect(ledger.records.has(A)).toBe(false);
    await ledger.compact();
    await ledger.close();
    expect([...(await openOn(disk)).quarantined]).toEqual([[A, 'a line of journal-000000000000.jsonl is damaged']]);
  });

  it('in the very last line break loses nothing at all', async () => {
    const bytes = await journalBytes();
    bytes[bytes.length - 1] = 0x20;
    const disk = diskOf({ [JOURNAL]: bytes });
    const ledger = await openOn(disk);
    expect(ledger.records).toEqual(WHOLE);
    await ledger.append(B, done('create'));
    await ledger.close();
    expect((await openOn(disk)).records).toEqual(fold([...STORY, { contract: B, event: done('create') }]));
  });
});

describe('a line that does not belong', () => {
  it.each([
    ['has no number', { at: NOW, c: A, e: goal('stop') }],
    ['has a number below nothing', { n: -1, at: NOW, c: A, e: goal('stop') }],
    ['has a number that nobody can count to', { n: 2 ** 52, at: NOW, c: A, e: goal('stop') }],
    ['has a number that is none', { n: '99', at: NOW, c: A, e: goal('stop') }],
    ['has no time', { n: 99, c: A, e: goal('stop') }],
    ['has no event', { n: 99, at: NOW, c: A }],
    ['has an event without a type', { n: 99, at: NOW, c: A, e: {} }],
    ['has an event that is null', { n: 99, at: NOW, c: A, e: null }],
    ['cannot follow', { n: 99, at: NOW, c: A, e: admission() }],
  ])('quarantines its contract when it %s', async (_what, value) => {
    const ledger = await openOn(
      diskOf({ [JOURNAL]: Buffer.concat([await journalBytes(), Buffer.from(encodeLine(value))]) }),
    );
    expect([...ledger.quarantined.keys()]).toEqual([A]);
    expect(same(ledger.records.get(A), WHOLE.get(A))).toBe(true);
  });

  it('says that it does not follow, and the rest of that contract is not read', async () => {
    const rest = [
      encodeLine({ n: 98, at: NOW, c: A, e: admission() }),
      encodeLine({ n: 99, at: NOW, c: A, e: goal('stop') }),
    ];
    const ledger = await openOn(
      diskOf({ [JOURNAL]: Buffer.concat([await journalBytes(), Buffer.from(rest.join(''))]) }),
    );
    expect(ledger.quarantined.get(A)).toBe(
      'journal-000000000000.jsonl: an entry does not follow from the ones before it',
    );
    expect(ledger.records.get(A)?.goal).toBe('deliver');
  });

  it('is skipped when its number is one that was read before', async () => {
    const old = [0, 1, 12].map((n) => encodeLine({ n, at: NOW, c: A, e: goal('stop') }));
    const ledger = await openOn(
      diskOf({ [JOURNAL]: Buffer.concat([await journalBytes(), Buffer.from(old.join(''))]) }),
    );
    expect([ledger.records, [...ledger.quarantined], ledger.problems]).toEqual([WHOLE, [], []]);
  });

  it('is a problem of the whole when its contract cannot be told', async () => {
    const ledger = await openOn(diskOf({ [JOURNAL]: Buffer.concat([await journalBytes(), Buffer.from('garbage\n')]) }));
    expect(ledger.problems).toEqual([
      'a line of journal-000000000000.jsonl is damaged, and its contract cannot be told',
    ]);
    expect(ledger.records).toEqual(WHOLE);
  });
});

describe('a snapshot', () => {
  it('that is cut anywhere never shows a contract as it is not, and says that something is missing', async () => {
    const bytes = await snapshotBytes();
    expect(bytes.length).toBeGreaterThan(1_000);
    for (let length = 0; length < bytes.length - 1; length++) {
      const ledger = await openOn(diskOf({ [SNAPSHOT]: bytes.subarray(0, length) }));
      for (const one of [A, B, C]) {
        const record = ledger.records.get(one);
        if (record !== undefined) expect(same(record, WHOLE.get(one)), `${length} bytes`).toBe(true);
      }
      const missing = [A, B, C].filter((one) => !ledger.records.has(one) && !ledger.quarantined.has(one));
      if (length > bytes.indexOf(0x0a) && missing.length > 0)
        expect(ledger.problems.length, `${length} bytes`).toBeGreaterThan(0);
    }
  });

  it('that ends after a whole line says how many are missing', async () => {
    const lines = (await snapshotBytes()).toString('utf8').split('\n');
    const ledger = await openOn(diskOf({ [SNAPSHOT]: `${lines.slice(0, 2).join('\n')}\n` }));
    expect(ledger.problems).toEqual(['snapshot.jsonl is cut short: 2 of its 3 contracts are missing']);
  });

  it('with a damaged byte stops nobody but whose line it is in', async () => {
    const bytes = await snapshotBytes();
    const journal = encodeLine({ n: 14, at: NOW, c: A, e: goal('stop') });
    for (let index = 0; index < bytes.length; index += 3) {
      const damaged = Buffer.from(bytes);
      damaged[index] = (damaged[index] ?? 0) ^ 0x01;
      const ledger = await openOn(
        diskOf({ [SNAPSHOT]: damaged, [`${DIRECTORY}/journal-000000000013.jsonl`]: journal }),
      );
      const line = lineAt(bytes, index);
      for (const one of [A, B, C]) {
        if (line.includes(one) || (bytes[index] === 0x0a && lineAt(bytes, index + 1).includes(one))) continue;
        expect(ledger.quarantined.has(one), `byte ${index}`).toBe(false);
        expect(ledger.records.has(one), `byte ${index}`).toBe(true);
      }
    }
  });

  it('with a damaged line quarantines its contract', async () => {
    const bytes = await snapshotBytes();
    bytes[bytes.indexOf(`"contract":"${B}"`) + 80] = 0x7e;
    const ledger = await openOn(diskOf({ [SNAPSHOT]: bytes }));
    expect([...ledger.quarantined]).toEqual([[B, 'a line of snapshot.jsonl is damaged']]);
    expect(ledger.records.has(B)).toBe(false);
  });

  it.each([
    ['no record', { x: 1 }],
    ['a record of nobody', { r: { order: {}, tries: {}, history: [] } }],
    ['half a record', { r: { contract: A } }],
    ['a record without an order', { r: { contract: A, tries: {}, history: [] } }],
    ['a record without its tries', { r: { contract: A, order: {}, history: [] } }],
    ['a record without its time line', { r: { contract: A, order: {}, tries: {} } }],
    ['a number', { r: 7, c: A }],
  ])('may hold %s, which is not acted upon', async (_what, value) => {
    const ledger = await openOn(diskOf({ [SNAPSHOT]: encodeLine(value) }));
    expect(ledger.records.size).toBe(0);
    expect(ledger.problems.length + ledger.quarantined.size).toBe(1);
  });

  it('that does not say how far it goes goes nowhere', async () => {
    const head = encodeLine({ format: 'dc-agent-ledger', version: 1 });
    const ledger = await openOn(diskOf({ [SNAPSHOT]: head, [JOURNAL]: await journalBytes() }));
    expect([ledger.records, ledger.problems]).toEqual([WHOLE, []]);
  });

  it('has one line for each contract, quarantined or not', async () => {
    const bytes = await journalBytes();
    bytes[bytes.lastIndexOf(A) - 10] = 0x7e;
    const disk = diskOf({ [JOURNAL]: bytes });
    await (await openOn(disk)).compact();
    const lines = bytesOf(disk, SNAPSHOT).toString('utf8').trimEnd().split('\n');
    expect(lines.slice(1).map((line) => [A, B, C].find((one) => line.includes(one)))).toEqual([A, B, C]);
  });

  it('that is gone is missed by the journal that followed it', async () => {
    const disk = await diskWith(STORY);
    const ledger = await openOn(disk);
    await ledger.compact();
    await ledger.append(A, goal('remove', 'lost'));
    await ledger.close();
    disk.files.delete(SNAPSHOT);
    const again = await openOn(disk);
    expect(again.problems).toEqual([
      'journal-000000000013.jsonl begins after entry 13, but the entries from 1 on are missing',
    ]);
    expect([...again.quarantined.keys()]).toEqual([A]);
  });

  it('whose first line is damaged does not let numbers begin anew', async () => {
    const disk = await diskWith(STORY);
    const ledger = await openOn(disk);
    await ledger.compact();
    await ledger.close();
    const bytes = bytesOf(disk, SNAPSHOT);
    bytes[3] = 0x7e;
    put(disk, SNAPSHOT, bytes);
    const again = await openOn(disk);
    expect(again.records).toEqual(WHOLE);
    await again.append(A, goal('remove', 'lost'));
    await again.compact();
    await again.close();
    expect(journals(disk)).toEqual([`${DIRECTORY}/journal-000000000014.jsonl`]);
    expect((await openOn(disk)).records.get(A)?.goal).toBe('remove');
  });
});

describe('fuzz', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(
      ...STORY.map((one, index) => Buffer.from(encodeLine({ n: index + 1, at: NOW, c: one.contract, e: one.event }))),
    ),
    fc.jsonValue().map((value) => Buffer.from(encodeLine({ n: 1, at: NOW, c: A, e: value }))),
    fc.jsonValue().map((value) => Buffer.from(encodeLine({ r: value, c: B }))),
    fc
      .jsonValue()
      .map((value) =>
        Buffer.from(encodeLine({ format: 'dc-agent-ledger', version: 1, n: value, lines: value, after: value })),
      ),
    fc.constant(Buffer.from('\n')),
  );
  const file = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces));

  it('of whatever bytes never crashes it, and it can be used afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(file, file, file, async (snapshot, first, second) => {
        const disk = diskOf({
          [SNAPSHOT]: snapshot,
          [JOURNAL]: first,
          [`${DIRECTORY}/journal-000000000007.jsonl`]: second,
        });
        const ledger = await openOn(disk);
        const other = contract(77);
        await ledger.append(other, admission());
        await ledger.close();
        const again = await openOn(disk);
        expect(again.records.get(other)).toEqual(fold(entries(other)).get(other));
        await again.compact();
      }),
      { numRuns: 500 },
    );
  });

  it('of a good ledger never makes an undamaged contract wrong', async () => {
    const bytes = await journalBytes();
    const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = Buffer.from(bytes);
        for (const { at, byte } of changes) damaged[at] = byte;
        const touched = new Set(changes.flatMap(({ at }) => [lineAt(bytes, at), lineAt(bytes, at + 1)]));
        const ledger = await openOn(diskOf({ [JOURNAL]: damaged }));
        for (const one of [A, B, C]) {
          if ([...touched].some((line) => line.includes(one))) continue;
          expect(same(ledger.records.get(one), WHOLE.get(one))).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('of the version never reads what a newer program wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: LEDGER_VERSION + 1 }), fc.string(), fc.constantFrom(null, { toString: {} })),
        async (version) => {
          const disk = diskOf({ [SNAPSHOT]: encodeLine({ format: 'dc-agent-ledger', version }) });
          await expect(openOn(disk)).rejects.toThrow(LedgerVersionError);
        },
      ),
    );
  });
});
