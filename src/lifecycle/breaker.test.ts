import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContractId } from '../ports/ids.ts';
import { type Doomed, judge } from './breaker.ts';
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
