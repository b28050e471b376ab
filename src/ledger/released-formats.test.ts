import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { openCredentials } from '../identity/credentials.ts';
import { apply } from '../lifecycle/apply.ts';
import { decide } from '../lifecycle/decide.ts';
import { CALM } from '../lifecycle/fixtures.ts';
import { defaultPolicy } from '../lifecycle/policy.ts';
import type { ContractEvent, ContractRecord } from '../lifecycle/record.ts';
import { Secret } from '../ports/secret.ts';
import { systemDisk } from '../ports/system-disk.ts';
import { openOn } from './fixtures.ts';
import { LEDGER_VERSION, LedgerVersionError } from './format.ts';
import type { Ledger } from './ledger.ts';
import { replay } from './replay.ts';

const FIXTURES = fileURLToPath(new URL('../../test/ledger-fixtures/', import.meta.url));
/** When the last of them was written. */
const THEN = 1_790_000_200_000;

/** Whom the passwords of the fixtures were sealed to. */
const TENANT = new Secret('7e'.repeat(32));

interface Expected {
  readonly records: readonly ContractRecord[];
  readonly quarantined: Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

const versions = (await readdir(FIXTURES)).filter(
  (name) => /^v\d+$/.test(name) && Number(name.slice(1)) <= LEDGER_VERSION,
);
const cases = (await Promise.all(versions.map((version) => readdir(join(FIXTURES, version), { withFileTypes: true }))))
  .flat()
  .filter((entry) => entry.isDirectory())
  .map((entry) => join(entry.parentPath, entry.name));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-format-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function expectation(fixture: string): Promise<Expected> {
  return JSON.parse(await readFile(`${fixture}.expected.json`, 'utf8')) as Expected;
}

async function openCopy(fixture: string): Promise<Ledger> {
  await cp(fixture, directory, { recursive: true });
  return openOn(systemDisk, { directory, clock: new VirtualTime(THEN) });
}

function state(of: Pick<Ledger, 'records' | 'quarantined' | 'problems'>): Expected {
  return { records: [...of.records.values()], quarantined: Object.fromEntries(of.quarantined), problems: of.problems };
}

describe('the fixtures', () => {
  it('hold every kind of entry of their format', async () => {
    const text = await readFile(join(FIXTURES, 'v1/journal/journal-000000000000.jsonl'), 'utf8');
    const types = new Set([...text.matchAll(/"e":\{"type":"(\w+)"/g)].map((match) => match[1]));
    const known: ContractEvent['type'][] = [
      ...(['admitted', 'closed', 'done', 'ends', 'failed', 'goal', 'handle'] as const),
      ...(['instance', 'intent', 'reappeared', 'unannounced'] as const),
    ];
    expect(types).toEqual(new Set(known));
  });

  it('hold every kind of entry that came with format 2', async () => {
    const text = await readFile(join(FIXTURES, 'v2/journal/journal-000000000000.jsonl'), 'utf8');
    for (const kind of ['"type":"unrouted"', '"type":"adopted"', '"type":"password"', '"route":{'])
      expect(text).toContain(kind);
    for (const step of ['open-route', 'close-route', 'publish-name', 'withdraw-name', 'rekey', 'reset', 'prune'])
      expect(text).toContain(`"type":"done","step":"${step}"`);
  });

  it('hold what came with recipes in format 2', async () => {
    const text = await readFile(join(FIXTURES, 'v2/recipes/journal-000000000000.jsonl'), 'utf8');
    for (const step of ['recipe', 'withdraw']) expect(text).toContain(`"type":"intent","step":"${step}"`);
    for (const kind of ['"hostKeyTrust":"given"', '"hostKeyTrust":"told"', '"recipe":{"by":"ssh"', '"cloudInit":'])
      expect(text).toContain(kind);
  });

  it('hold passwords that were sealed in format 2, which their tenants still open', async () => {
    const text = await readFile(join(FIXTURES, 'v2/sealed/journal-000000000000.jsonl'), 'utf8');
    for (const kind of [
      '"tenantKey":"',
      '"sealFor":"',
      '"step":"reset","sealedPassword":"',
      '"credential":{"envelope":"',
    ])
      expect(text).toContain(kind);
    const { records } = await expectation(join(FIXTURES, 'v2/sealed'));
    const opened = records.map(({ contract, credential }) =>
      credential === undefined ? undefined : openCredentials(credential.envelope, TENANT, contract).reveal(),
    );
    expect(opened).toEqual(['first-word-of-a', 'first-word-of-b', undefined, undefined]);
    // A reset under way goes on for whom it was begun, whatever is asked for by then.
    expect(
      records.map(({ nextPassword, nextSealFor }) => [nextPassword !== undefined, nextSealFor !== undefined]),
    ).toEqual([
      [true, true],
      [false, false],
      [false, false],
      [true, false],
    ]);
    for (const word of ['first-word-of', Buffer.from('first-word-of').toString('base64').slice(0, -2)])
      expect(text).not.toContain(word);
  });

  it('exist for every format that was ever released', () => {
    expect(versions).toEqual(Array.from({ length: LEDGER_VERSION }, (_, index) => `v${index + 1}`));
    expect(cases.length).toBeGreaterThanOrEqual(6);
  });
});

describe.each(cases.map((fixture) => [basename(fixture), fixture]))('%s', (_name, fixture) => {
  it('is read to the contracts that were written', async () => {
    expect(state(await replay(systemDisk, fixture))).toEqual(await expectation(fixture));
  });

  it('can be opened, used, compacted, and opened again', async () => {
    const expected = await expectation(fixture);
    const ledger = await openCopy(fixture);
    expect(state(ledger)).toEqual(expected);
    const healthy = expected.records.find(({ contract }) => !(contract in expected.quarantined));
    if (healthy === undefined) throw new Error(`${fixture} has no healthy contract`);
    const event: ContractEvent = { type: 'ends', endsAt: 1 };
    await ledger.append(healthy.contract, event);
    await ledger.compact();
    await ledger.close();
    const again = await openOn(systemDisk, { directory, clock: new VirtualTime(THEN) });
    const changed = apply(healthy, healthy.contract, event, THEN);
    const records = expected.records.map((record) => (record === healthy ? changed : record));
    expect(state(again)).toEqual({ records, quarantined: expected.quarantined, problems: [] });
    await again.close();
  });

  it('leaves every contract in a state that can be gone on from', async () => {
    for (const record of (await expectation(fixture)).records) {
      expect(decide(record, CALM, defaultPolicy, THEN).why).not.toMatch(/unknown/);
    }
  });
});

describe('a ledger of an older format', () => {
  it('is rewritten before anything is added, so that an older program refuses it instead of misreading it', async () => {
    const ledger = await openCopy(join(FIXTURES, 'v1/journal'));
    await ledger.close();
    const names = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'));
    expect(names).toHaveLength(2);
    for (const name of names) {
      const [header] = (await readFile(join(directory, name), 'utf8')).split('\n');
      expect(header).toContain(`"version":${LEDGER_VERSION}`);
    }
  });
});

describe('a ledger of a newer format', () => {
  it('is refused in words that say what to do, and left as it is', async () => {
    const before = await readFile(join(FIXTURES, 'v3/snapshot.jsonl'), 'utf8');
    await expect(openCopy(join(FIXTURES, 'v3'))).rejects.toThrow(LedgerVersionError);
    await expect(openCopy(join(FIXTURES, 'v3'))).rejects.toThrow(
      'snapshot.jsonl has format version 3, and this program knows up to 2: it was written by a newer dc-agent. Run that version again',
    );
    expect(await readFile(join(directory, 'snapshot.jsonl'), 'utf8')).toBe(before);
  });
});
