import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import type { AgentId, ContractId, OperationId, OwnerStamp } from '../../src/provisioner/index.ts';
import { carries, isMarked, isPoolMates, isUnmarked, orderedOf, readStamp, stampTags, TAG } from './tags.ts';

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const stamps: fc.Arbitrary<OwnerStamp> = fc.record({
  agent: hex(64) as fc.Arbitrary<AgentId>,
  contract: hex(64) as fc.Arbitrary<ContractId>,
  operation: hex(32) as fc.Arbitrary<OperationId>,
});

test('a stamp survives being tags, in any order and among others, and no tag is longer than 64 safe characters', () => {
  fc.assert(
    fc.property(stamps, (stamp) => {
      const tags = stampTags(stamp);
      for (const tag of tags) expect(tag).toMatch(/^[a-z0-9-]{1,64}$/);
      const shuffled = { tags: ['owners', ...tags.toReversed(), `${TAG.ordered}a_b`] };
      expect(readStamp(shuffled, stamp.agent)).toEqual(stamp);
      expect([carries(shuffled, stamp), orderedOf(shuffled)]).toEqual([true, 'a_b']);
    }),
  );
});

test('a stamp is that of one agent, contract and operation, and nobody else’s', () => {
  fc.assert(
    fc.property(stamps, stamps, (one, other) => {
      fc.pre(one.agent !== other.agent && one.contract !== other.contract && one.operation !== other.operation);
      const tags = stampTags(one);
      for (const stamp of [
        { ...one, agent: other.agent },
        { ...one, contract: other.contract },
        { ...one, operation: other.operation },
      ]) {
        expect(carries({ tags }, stamp)).toBe(false);
      }
      expect(readStamp({ tags }, other.agent)).toBeUndefined();
      expect(isPoolMates({ tags }, { ...one, agent: other.agent })).toBe(true);
      expect(isPoolMates({ tags }, one)).toBe(false);
    }),
  );
});

test('tags that were damaged, doubled or cut are no stamp', () => {
  const { stamp, name } = sampleOrder('a'.repeat(64) as AgentId);
  const tags = stampTags(stamp);
  const damaged = [
    tags.slice(1),
    tags.map((tag) => tag.slice(0, -1)),
    tags.map((tag) => tag.toUpperCase()),
    [...tags, `${TAG.operation}${'0'.repeat(32)}`],
  ];
  for (const given of damaged) {
    expect(readStamp({ tags: given }, stamp.agent)).toBeUndefined();
    expect(carries({ tags: given }, stamp)).toBe(false);
  }
  expect(isUnmarked({ tags: ['owners'], label: name }, stamp)).toBe(true);
  expect(isUnmarked({ tags: [], label: 'other' }, stamp)).toBe(false);
  expect([isMarked({ tags: tags.slice(2) }), isMarked({ tags: ['dc-agentless'] })]).toEqual([true, false]);
});
