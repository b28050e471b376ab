import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choosePort, takenPorts } from './ports.ts';

const range = fc
  .tuple(fc.integer({ min: 1, max: 65_000 }), fc.integer({ min: 0, max: 60 }))
  .map(([start, size]) => ({ start, end: start + size }));

test('a chosen port is always in the range and free', () => {
  fc.assert(
    fc.property(range, fc.string(), fc.array(fc.nat(60)), ({ start, end }, seed, offsets) => {
      const taken = new Set(offsets.map((offset) => start + offset));
      taken.delete(end);
      const port = choosePort({ start, end }, seed, taken);
      expect(port).toBeGreaterThanOrEqual(start);
      expect(port).toBeLessThanOrEqual(end);
      expect(taken.has(port)).toBe(false);
    }),
  );
});

test('a machine that is made again gets the port that it had', () => {
  const wide = { start: 42_000, end: 42_999 };
  expect(choosePort(wide, 'dc-1', new Set())).toBe(choosePort(wide, 'dc-1', new Set([1, 2, 3])));
});

test('a full range is a matter of capacity', () => {
  const full = { start: 5, end: 6 };
  expect(() => choosePort(full, 'dc-1', new Set([5, 6]))).toThrow(
    expect.objectContaining({ kind: 'capacity' }) as Error,
  );
});

test('taken are the ports of strangers that run and of ours in every state', () => {
  const stranger = { Id: 's', State: 'running', Labels: {}, Ports: [{ PublicPort: 80 }, {}] };
  const ours = { Id: 'o', State: 'exited', Labels: { 'dc-ssh-port': '42001' }, Ports: [] };
  const broken = { Id: 'b', State: 'exited', Labels: { 'dc-ssh-port': '42001; reboot' }, Ports: [] };
  expect([...takenPorts([stranger, ours, broken])]).toEqual([80, 42_001]);
});
