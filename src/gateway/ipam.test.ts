import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ADDRESS_QUARANTINE_MS, freeAddress, staticAddress, type TakenAddress, testAddress } from './ipam.ts';

const NOW = 1_800_000_000_000;
const HOUR = ADDRESS_QUARANTINE_MS;
/** Room for .2 to .6. */
const SMALL = '10.77.0.0/29';

const freed = (ipv4: string, ago: number): TakenAddress => ({ ipv4, freedAt: NOW - ago });

describe('an address for a new machine', () => {
  test.each<[string, TakenAddress[], string | undefined]>([
    ['the first after the host’s own', [], '10.77.0.2'],
    ['not one that a machine has', [{ ipv4: '10.77.0.2' }], '10.77.0.3'],
    ['rather one that nobody had than one that is free again', [freed('10.77.0.2', 2 * HOUR)], '10.77.0.3'],
    ['another network’s addresses do not matter', [{ ipv4: '192.168.1.2' }], '10.77.0.2'],
  ])('%s', (_, taken, expected) => {
    expect(freeAddress(SMALL, taken, NOW)?.ipv4).toBe(expected);
  });

  const full = ['10.77.0.3', '10.77.0.4', '10.77.0.5', '10.77.0.6'].map((ipv4) => ({ ipv4 }));

  test.each<[string, TakenAddress[], string | undefined]>([
    ['none while the only free one is in quarantine', [freed('10.77.0.2', HOUR - 1)], undefined],
    ['that one when the hour is over', [freed('10.77.0.2', HOUR)], '10.77.0.2'],
    ['none when the clock went back', [freed('10.77.0.2', -5 * HOUR)], undefined],
    [
      'none while it was freed by one contract and another has it',
      [freed('10.77.0.2', 9 * HOUR), { ipv4: '10.77.0.2' }],
      undefined,
    ],
    ['none when its last user left lately', [freed('10.77.0.2', 9 * HOUR), freed('10.77.0.2', 1)], undefined],
  ])('in a full network: %s', (_, taken, expected) => {
    expect(freeAddress(SMALL, [...full, ...taken], NOW)?.ipv4).toBe(expected);
  });

  test('the one that has been free for longest, when all were used', () => {
    const taken = ['2', '3', '4', '5', '6'].map((last, i) => freed(`10.77.0.${last}`, (2 + ((i + 2) % 5)) * HOUR));
    expect(freeAddress(SMALL, taken, NOW)?.ipv4).toBe('10.77.0.4');
  });

  test('it comes with what the machine has to be told', () => {
    expect(freeAddress('10.77.0.0/16', [], NOW)).toEqual({ ipv4: '10.77.0.2', prefixLength: 16, gateway: '10.77.0.1' });
  });

  test('is never in use, in quarantine, the host’s, or outside the network, whatever is taken', () => {
    const entry = fc.record(
      {
        ipv4: fc.integer({ min: 0, max: 9 }).map((n) => `10.77.0.${n}`),
        freedAt: fc.integer({ min: NOW - 3 * HOUR, max: NOW + HOUR }),
      },
      { requiredKeys: ['ipv4'] },
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (taken) => {
        const chosen = freeAddress(SMALL, taken, NOW)?.ipv4;
        if (chosen === undefined) {
          for (const last of [2, 3, 4, 5, 6]) expect(blocked(taken, `10.77.0.${last}`)).toBe(true);
          return;
        }
        expect(chosen).toMatch(/^10\.77\.0\.[2-6]$/);
        expect(blocked(taken, chosen)).toBe(false);
      }),
    );
  });
});

test('a machine of a test gets an address of the upper half by chance, and never one that somebody had', () => {
  const of = (chance: number, ...taken: string[]) =>
    testAddress(
      SMALL,
      taken.map((ipv4) => ({ ipv4, freedAt: 0 })),
      { float: () => chance },
    )?.ipv4;
  expect(of(0)).toBe('10.77.0.4');
  expect(of(0.99)).toBe('10.77.0.6');
  expect(of(0.99, '10.77.0.6', '10.77.0.2')).toBe('10.77.0.5');
  expect(of(0, '10.77.0.4', '10.77.0.5', '10.77.0.6')).toBe('10.77.0.3');
  expect(of(0.5, '10.77.0.2', '10.77.0.3', '10.77.0.4', '10.77.0.5', '10.77.0.6')).toBeUndefined();
});

function blocked(taken: readonly TakenAddress[], ipv4: string): boolean {
  return taken.some((entry) => entry.ipv4 === ipv4 && (entry.freedAt === undefined || NOW - entry.freedAt < HOUR));
}

test.each(['10.77.0.0', '10.77.0.1', '10.77.0.7', '10.77.0.8', '192.168.0.2'])('no machine may have %s', (ipv4) => {
  expect(staticAddress(SMALL, ipv4)).toBeUndefined();
});
