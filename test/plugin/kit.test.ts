import { beforeAll, describe, expect, test } from 'vitest';
import { brokenPlugins } from './broken-plugins.ts';
import { trial, type Verdict } from './trial.ts';

describe('the conformance kit', () => {
  const caught = new Set<string>();
  let good: Verdict;

  beforeAll(async () => {
    good = await trial((plugin) => plugin);
  });

  test('finds nothing wrong with a plugin that keeps the contract, and skips nothing', () => {
    expect([...good.broken]).toEqual([]);
    expect(good.skipped).toEqual([]);
    expect(good.kept.length).toBeGreaterThan(40);
  });

  test.each(brokenPlugins)('catches a plugin that $flaw', async ({ alter, caughtBy }) => {
    const { broken } = await trial(alter);
    for (const rule of broken.keys()) caught.add(rule);
    expect([...broken.keys()]).toEqual(expect.arrayContaining([...caughtBy]));
  });

  // Runs last: a rule that none of these plugins breaks would be a test that cannot fail.
  test('has no rule that cannot be broken', () => {
    expect(good.kept.filter((rule) => !caught.has(rule))).toEqual([]);
  });

  test('skips what a plugin does not offer, and says so', async () => {
    const { broken, skipped } = await trial(({ list, stop, start, traffic, removeTwin, ...bare }) => bare);
    expect([...broken]).toEqual([]);
    expect(skipped).toContain('stop and start: stop keeps the machine also where nothing can start it again');
    expect(skipped).toContain('list: says that it is incomplete when part of the backend could not be read');
  });
});
