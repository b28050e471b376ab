import { beforeAll, describe, expect, test } from 'vitest';
import { brokenPlugins } from './broken/index.ts';
import { trial, type Verdict } from './trial.ts';

describe('the conformance kit', () => {
  let good: Verdict;

  beforeAll(async () => {
    good = await trial((plugin) => plugin);
  });

  test('finds nothing wrong with a plugin that keeps the contract, and skips only what the sandbox has none of', () => {
    expect([...good.broken]).toEqual([]);
    expect(good.skipped).toEqual([
      'ownership: refuses to have a new password made for a stranger that has our external id',
      "ownership: refuses to have a new password made for a machine that carries another contract's stamp",
      'keys and passwords: newPassword tells the one that opens the machine from then on, and for whom',
      'keys and passwords: newPassword does not pretend to have done it when the machine is gone',
      'capabilities: run the recipe where they say so',
      'capabilities: tell a host key, where they tell one, that is an Ed25519 key without a comment',
    ]);
    expect(good.kept.length).toBeGreaterThan(65);
  });

  test.each(brokenPlugins)('catches a plugin that $flaw', async ({ alter, caughtBy }) => {
    const { broken } = await trial(alter);
    expect([...broken.keys()]).toEqual(expect.arrayContaining([...caughtBy]));
  });

  test('has no rule that nothing breaks', () => {
    const caught = new Set(brokenPlugins.flatMap(({ caughtBy }) => caughtBy));
    expect(good.kept.filter((rule) => !caught.has(rule))).toEqual([]);
  });

  test('skips what a plugin does not offer, and says so', async () => {
    const { broken, skipped } = await trial(({ capabilities, check, inventory, create, observe, destroy }) => {
      return { capabilities, check, inventory, create, observe, destroy };
    });
    expect([...broken]).toEqual([]);
    expect(skipped).toContain('stop and start: stop keeps the machine also where nothing can start it again');
    expect(skipped).toContain('list: says that it is incomplete when part of the backend could not be read');
  });
});
