import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AgentId, ContractId, OperationId, OwnerStamp } from '../../src/provisioner/index.ts';
import { carries, LABEL, ofAgent, ofOperations, readStamp, stampLabels } from './labels.ts';
import { KEPT } from './suspend.ts';

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const stamps = fc.record({ agent: hex(64), contract: hex(64), operation: hex(32) }) as fc.Arbitrary<OwnerStamp>;
const SAMPLE: OwnerStamp = {
  agent: 'a1'.repeat(32) as AgentId,
  contract: '0f'.repeat(32) as ContractId,
  operation: '7'.repeat(32) as OperationId,
};

/** Hetzner's rules: https://docs.hetzner.cloud, "Labels". */
const VALUE = /^[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const KEY = /^[a-z0-9.-]{1,253}\/[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

describe('the stamp in labels', () => {
  test('keeps Hetzner’s rules, and is read back as it was', () => {
    fc.assert(
      fc.property(stamps, (stamp) => {
        const labels = stampLabels(stamp);
        for (const [key, value] of Object.entries(labels))
          expect([KEY.test(key), VALUE.test(value)]).toEqual([true, true]);
        expect(readStamp(labels, stamp.agent)).toEqual(stamp);
        expect(carries({ ...labels, more: 'x' }, stamp)).toBe(true);
      }),
    );
  });

  test('of two stamps is never the same', () => {
    fc.assert(
      fc.property(stamps, stamps, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(carries(stampLabels(one), other)).toBe(same);
      }),
    );
  });

  test('is no stamp when any part is missing, damaged or another agent’s', () => {
    const labels = stampLabels(SAMPLE);
    for (const key of [LABEL.agent, LABEL.contract, LABEL.operation]) {
      const { [key]: removed = '', ...rest } = labels;
      expect([readStamp(rest, SAMPLE.agent), carries(rest, SAMPLE)]).toEqual([undefined, false]);
      for (const broken of [`${removed}a`, removed.slice(1), removed.toUpperCase(), `${removed.slice(0, -1)}!`, '']) {
        if (broken !== removed) expect(readStamp({ ...labels, [key]: broken }, SAMPLE.agent)).toBeUndefined();
      }
    }
    expect(readStamp(labels, 'b'.repeat(64) as AgentId)).toBeUndefined();
    expect(readStamp({}, SAMPLE.agent)).toBeUndefined();
  });

  test('can be selected', () => {
    expect(ofAgent(SAMPLE.agent)).toMatch(/^dc-agent\/agent==[a-z2-7]{52}$/);
    expect(ofOperations([SAMPLE.operation])).toBe(`dc-agent/operation==${SAMPLE.operation}`);
    const two = ofOperations([SAMPLE.operation, '8'.repeat(32) as OperationId]);
    expect(two).toBe(`dc-agent/operation in (${SAMPLE.operation},${'8'.repeat(32)})`);
  });

  test('and every other label have names that Hetzner takes', () => {
    for (const key of [...Object.values(LABEL), ...Object.values(KEPT)]) expect(key).toMatch(KEY);
  });
});
