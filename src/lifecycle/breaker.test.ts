import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContractId } from '../ports/ids.ts';
import { type Doomed, judge, judgeShares, type Share } from './breaker.ts';
import type { BreakerPolicy } from './policy.ts';

const policy: BreakerPolicy = { maxCount: 3, maxShare: 0.2, windowMs: 600_000, holdMs: 600_000 };

function doomed(count: number, more: Partial<Doomed> = {}): Doomed[] {
  return Array.from({ length: count }, (_, index) => ({
    contract: `contract-${index}` as ContractId,
    seenForMs: 0,
    corroborated: false,
    approved: false,
    ...more,
  }));
}

function counts(verdict: ReturnType<typeof judge>): { allowed: number; held: number } {
  return { allowed: verdict.allowed.length, held: verdict.held.length };
}

describe('the breaker', () => {
  it('lets a few ends pass at once', () => {
    expect(counts(judge(doomed(3), 10, 0, policy))).toEqual({ allowed: 3, held: 0 });
  });

  it('holds all of them when one more comes', () => {
    expect(counts(judge(doomed(4), 10, 0, policy))).toEqual({ allowed: 0, held: 4 });
  });

  it('counts those that were ended a moment ago', () => {
    expect(counts(judge(doomed(1), 10, 2, policy))).toEqual({ allowed: 1, held: 0 });
    expect(counts(judge(doomed(1), 10, 3, policy))).toEqual({ allowed: 0, held: 1 });
  });

  it('allows a large host its share', () => {
    expect(counts(judge(doomed(20), 100, 0, policy))).toEqual({ allowed: 20, held: 0 });
    expect(counts(judge(doomed(20), 99, 0, policy))).toEqual({ allowed: 0, held: 20 });
  });

  it('lets go what the platform has kept saying for long enough', () => {
    expect(counts(judge(doomed(10, { seenForMs: 600_000 }), 10, 0, policy))).toEqual({ allowed: 10, held: 0 });
    expect(counts(judge(doomed(10, { seenForMs: 599_999 }), 10, 0, policy))).toEqual({ allowed: 0, held: 10 });
  });

  it('does not count what our own ledger agrees with, nor what an operator approved', () => {
    const trusted = [...doomed(10, { corroborated: true }), ...doomed(10, { approved: true })];
    expect(counts(judge([...trusted, ...doomed(3)], 23, 0, policy))).toEqual({ allowed: 23, held: 0 });
    expect(counts(judge([...trusted, ...doomed(5)], 20, 0, policy))).toMatchObject({ held: 5 });
  });

  it('gives every doomed machine exactly one verdict, and holds only what nobody vouches for', () => {
    const one = fc.record({ seenForMs: fc.nat(1_200_000), corroborated: fc.boolean(), approved: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), fc.nat(100), fc.nat(10), (list, owned, recent) => {
        const all = list.map((item, index) => ({ ...item, contract: `c${index}` as ContractId }));
        const { allowed, held } = judge(all, owned, recent, policy);
        expect([...allowed, ...held].sort()).toEqual(all.map((item) => item.contract).sort());
        for (const item of all) {
          if (item.corroborated || item.approved || item.seenForMs >= policy.holdMs)
            expect(held).not.toContain(item.contract);
        }
        const blind = all.filter((item) => !item.corroborated && !item.approved && item.seenForMs < policy.holdMs);
        const let_go = blind.filter((item) => allowed.includes(item.contract)).length;
        expect(let_go === 0 || let_go + recent <= Math.max(policy.maxCount, Math.floor(policy.maxShare * owned))).toBe(
          true,
        );
      }),
    );
  });
});

function share(name: string, count: number, more: Partial<Share> = {}): Share {
  const all = doomed(count).map((one) => ({ ...one, contract: `${name}-${one.contract}` as ContractId }));
  return { doomed: all, owned: 10, recent: 0, ...more };
}

describe('the breakers of several targets', () => {
  it('hold what is too much on one target, and let the others go on', () => {
    const verdict = judgeShares([share('a', 8), share('b', 2)], policy);
    expect(verdict.held).toHaveLength(8);
    expect(verdict.allowed).toEqual(share('b', 2).doomed.map((one) => one.contract));
  });

  it('hold what is too much in all, though no target has too much of it', () => {
    const verdict = judgeShares([share('a', 3, { owned: 3 }), share('b', 3, { owned: 3 })], policy);
    expect(verdict).toEqual({ allowed: [], held: expect.arrayContaining([expect.stringContaining('a-contract')]) });
    expect(verdict.held).toHaveLength(6);
  });

  it('hold what is one too many in all', () => {
    const two = [share('a', 2, { owned: 3 }), share('b', 2, { owned: 3 })];
    expect(counts(judgeShares(two, policy))).toEqual({ allowed: 0, held: 4 });
  });

  it('count for the whole only what a target’s own limit lets pass, so an approved clearance holds nobody else up', () => {
    const cleared = share('a', 0, { recent: 50, owned: 5 });
    expect(counts(judgeShares([cleared, share('b', 1, { owned: 15 })], policy))).toEqual({ allowed: 1, held: 0 });
    const both = [share('a', 0, { recent: 3, owned: 5 }), share('b', 2, { owned: 5 })];
    expect(counts(judgeShares(both, policy))).toEqual({ allowed: 0, held: 2 });
  });

  it('are one breaker where there is one target', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(60), fc.nat(10), (count, owned, recent) => {
        const one = share('a', count, { owned, recent });
        expect(counts(judgeShares([one], policy))).toEqual(counts(judge(one.doomed, owned, recent, policy)));
      }),
    );
  });
});
