import { describe, expect, test } from 'vitest';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import type { AgentId } from '../../src/provisioner/index.ts';
import { labelFilter, readStamp, sameStamp, stampedMemoryMb, stampedPort, stampLabels } from './stamp.ts';

const { stamp } = sampleOrder('a'.repeat(64) as AgentId);
const labels = stampLabels(stamp);

describe('an owner stamp', () => {
  test('is read as it was written', () => {
    expect(readStamp(labels)).toEqual(stamp);
    expect(sameStamp(readStamp(labels), stamp)).toBe(true);
  });

  test('has the reference agent’s label names, so that its tools see our machines', () => {
    expect(labels).toMatchObject({ 'dc-agent': 'true', 'dc-contract-id': stamp.contract });
  });

  test.each(Object.keys(labels))('without %s is no stamp', (name) => {
    const { [name]: _, ...rest } = labels;
    expect(readStamp(rest)).toBeUndefined();
  });

  test.each([
    ['dc-agent', 'TRUE'],
    ['dc-contract-id', '101'],
    ['dc-contract-id', `${stamp.contract}0`],
    ['dc-agent-id', ''],
  ])('with %s=%s is no stamp', (name, value) => {
    expect(readStamp({ ...labels, [name]: value })).toBeUndefined();
  });

  test.each(['dc-agent-id', 'dc-operation-id'])('with another %s is not the same', (name) => {
    expect(sameStamp(readStamp({ ...labels, [name]: 'b'.repeat(32) }), stamp)).toBe(false);
  });

  test('is asked of the engine label by label', () => {
    expect(JSON.parse(labelFilter({ a: '1', b: '"2"' }))).toEqual({ label: ['a=1', 'b="2"'] });
  });
});

test.each([
  ['42000', 42_000],
  ['0', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['', undefined],
])('the number in a label is read strictly: %s', (text, port) => {
  expect(stampedPort({ 'dc-ssh-port': text })).toBe(port);
  expect(stampedMemoryMb({ 'dc-memory-mb': text })).toBe(port ?? 0);
});
