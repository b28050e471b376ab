import { describe, expect, test } from 'vitest';
import { routeOf, SETTINGS } from './nft-fixtures.ts';
import type { NftCommand } from './nft-json.ts';
import { type Nft, NftRefusal } from './nft-run.ts';
import { createNftTable } from './nft-table.ts';
import { planRoutes } from './plan.ts';
import { GatewayError } from './port.ts';

const { signal } = new AbortController();
const machines = (...numbers: number[]) =>
  planRoutes(
    SETTINGS,
    numbers.map((n) => routeOf(n)),
  ).machines;

/** Notes what it is asked; its kernel never has a table, unless `chains` says that ours stand. */
class FakeNft implements Nft {
  readonly asked: string[] = [];
  answer: 'yes' | 'refused' | 'silence' = 'yes';
  chains: unknown = { nftables: [] };

  async apply(commands: readonly NftCommand[]): Promise<void> {
    this.asked.push(`apply ${commands.length > 60 ? 'everything' : 'little'}`);
    const answer = this.answer;
    this.answer = 'yes';
    if (answer === 'refused') throw new NftRefusal('no such entry');
    if (answer === 'silence') throw new GatewayError('retry', 'no answer');
    this.chains = {
      nftables: commands.length > 60 ? commands.flatMap((command) => ('add' in command ? [command['add']] : [])) : [],
    };
  }

  would = async (): Promise<boolean> => true;
  version = async (): Promise<string> => '1.0.6';

  async list(words: readonly string[]): Promise<unknown> {
    this.asked.push(words.slice(0, 2).join(' '));
    return words[1] === 'chains' ? onlyChains(this.chains) : undefined;
  }

  /** What was asked since the last time. */
  since(): string[] {
    return this.asked.splice(0);
  }
}

function onlyChains(listing: unknown): unknown {
  const { nftables } = listing as { nftables: { chain?: object }[] };
  return { nftables: nftables.filter(({ chain }) => chain !== undefined) };
}

async function opened(...numbers: number[]) {
  const nft = new FakeNft();
  const table = createNftTable(SETTINGS, nft);
  await table.apply(machines(...numbers), signal);
  nft.since();
  return { nft, table };
}

const LOOK = ['list table', 'list table'];

describe('what nft is asked', () => {
  test('at the start: what there is, and then everything in one transaction', async () => {
    const nft = new FakeNft();
    const said = await createNftTable(SETTINGS, nft).apply(machines(1, 2), signal);
    expect([said, nft.since()]).toEqual([['the table was not there'], [...LOOK, 'apply everything']]);
  });

  test('for one machine more or less: one small transaction and no look', async () => {
    const { nft, table } = await opened(1, 2);
    expect(await table.apply(machines(1, 2, 3), signal)).toEqual([]);
    expect(await table.apply(machines(1, 3), signal)).toEqual([]);
    expect(nft.since()).toEqual(['apply little', 'apply little']);
  });

  test('when the kernel refuses a change, since somebody has been at it: a look, and the repair', async () => {
    const { nft, table } = await opened(1, 2);
    nft.answer = 'refused';
    expect(await table.apply(machines(1), signal)).toEqual(['the table was not there']);
    expect(nft.since()).toEqual(['apply little', ...LOOK, 'apply everything']);
  });

  test('when the answer to a change was lost: it is not taken for done', async () => {
    const { nft, table } = await opened(1, 2);
    nft.answer = 'silence';
    await expect(table.apply(machines(1), signal)).rejects.toThrow('no answer');
    nft.since();
    await table.apply(machines(1), signal);
    expect(nft.since()).toEqual([...LOOK, 'apply everything']);
  });

  test('without a change, a small fleet is compared each time, and a large one by turns', async () => {
    const small = await opened(1, 2);
    await small.table.apply(machines(1, 2), signal);
    expect(small.nft.since().slice(0, 2)).toEqual(LOOK);

    const many = Array.from({ length: 1000 }, (_, n) => n);
    const large = await opened(...many);
    const passes: string[][] = [];
    for (let pass = 0; pass < 4; pass++) {
      await large.table.apply(machines(...many), signal);
      passes.push(large.nft.since());
    }
    expect(passes).toEqual([['list chains'], ['list chains'], ['list chains'], [...LOOK, 'apply everything']]);
  });

  test('in a large fleet a table that is gone is noticed in any pass', async () => {
    const many = Array.from({ length: 1000 }, (_, n) => n);
    const { nft, table } = await opened(...many);
    nft.chains = { nftables: [] };
    expect(await table.apply(machines(...many), signal)).toEqual(['the table was not there']);
  });

  test('when many changes have followed on each other: everything is compared once in a while', async () => {
    const { nft, table } = await opened(1);
    for (let i = 0; i < 60; i++) await table.apply(machines(...(i % 2 === 0 ? [1, 2] : [1])), signal);
    expect(nft.since().filter((asked) => asked === 'apply everything')).toHaveLength(1);
  });

  test('at the start of the helper: nothing, where the table stands', async () => {
    const nft = new FakeNft();
    const table = createNftTable(SETTINGS, nft);
    expect(await table.ensure(signal)).toEqual(['the table was not there']);
    nft.since();
    expect(await createNftTable(SETTINGS, nft).ensure(signal)).toEqual([]);
    expect(nft.since()).toEqual(['list chains']);
  });
});
