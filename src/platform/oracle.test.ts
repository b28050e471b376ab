import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlatformError } from './api.ts';
import { isUnlistable, type ReportCall, readLock, readReport } from './oracle.ts';

const fail = (error: string) => ({ ok: false, error }) as const;
const move = (from: string, to: string): string =>
  `Invalid status transition: ${from} -> ${to}. Valid transitions from '${from}': ["x"]`;

describe('an answer to a report', () => {
  const table: [ReportCall, string, object][] = [
    ['provisioning', move('provisioning', 'provisioning'), { outcome: 'already', status: 'provisioning' }],
    ['provisioning', move('provisioned', 'provisioning'), { outcome: 'already', status: 'provisioned' }],
    ['provisioning', move('active', 'provisioning'), { outcome: 'already', status: 'active' }],
    ['provisioning', move('cancelled', 'provisioning'), { outcome: 'dead', status: 'cancelled' }],
    ['provisioning', move('requested', 'provisioning'), { outcome: 'out-of-order', status: 'requested' }],
    ['provisioning', 'Contract not found', { outcome: 'not-found' }],
    ['provisioned', move('provisioned', 'provisioned'), { outcome: 'already', status: 'provisioned' }],
    ['provisioned', move('active', 'provisioned'), { outcome: 'already', status: 'active' }],
    ['provisioned', move('paused', 'provisioned'), { outcome: 'already', status: 'paused' }],
    ['provisioned', move('accepted', 'provisioned'), { outcome: 'out-of-order', status: 'accepted' }],
    ['provisioned', move('cancelled', 'provisioned'), { outcome: 'dead', status: 'cancelled' }],
    ['provisioned', move('canceled', 'provisioned'), { outcome: 'dead', status: 'cancelled' }],
    ['provisioned', move('expired', 'provisioned'), { outcome: 'dead', status: 'expired' }],
    ['provisioned', move('rejected', 'provisioned'), { outcome: 'dead', status: 'rejected' }],
    ['provisioned', move('provisioningfailed', 'provisioned'), { outcome: 'dead', status: 'provisioningfailed' }],
    ['provisioned', move('provisioning_failed', 'provisioned'), { outcome: 'dead', status: 'provisioningfailed' }],
    ['provisioned', 'Status updated but failed to save details: x', { outcome: 'already', status: 'provisioned' }],
    ['failed', move('provisioningfailed', 'provisioningfailed'), { outcome: 'already', status: 'provisioningfailed' }],
    ['failed', move('cancelled', 'provisioningfailed'), { outcome: 'dead', status: 'cancelled' }],
    ['failed', move('active', 'provisioningfailed'), { outcome: 'out-of-order', status: 'active' }],
    [
      'terminated',
      'Contract not found or not in cancelled status (ID: ab)',
      { outcome: 'out-of-order', status: 'not-cancelled' },
    ],
    [
      'password',
      'No provisioning details found for contract ab',
      { outcome: 'out-of-order', status: 'not-provisioned' },
    ],
    ['password', 'Contract not found', { outcome: 'not-found' }],
    ['rotation', 'No pending SSH key rotation found', { outcome: 'already', status: 'no-pending-rotation' }],
    ['rotation', 'Contract not found: ab', { outcome: 'not-found' }],
  ];

  it.each(table)('to "%s" that says "%s"', (call, text, expected) => {
    expect(readReport(call, fail(text))).toEqual(expected);
  });

  it.each([
    'Unauthorized: only provider can update contract status',
    'Contract ab cannot transition to provisioned while unpaid: pending',
    "Agent does not have 'provision' permission",
    '',
  ])('is refused in other words: %j', (text) => {
    for (const call of ['provisioning', 'provisioned', 'failed', 'terminated', 'password', 'rotation'] as const) {
      expect(readReport(call, fail(text))).toEqual({ outcome: 'refused', text });
    }
  });

  it('is done when the platform says success, note or not, unless its data is false', () => {
    expect(readReport('terminated', { ok: true, data: true, note: 'whatever' })).toEqual({ outcome: 'done' });
    expect(readReport('failed', { ok: true, data: 'Provisioning failed' })).toEqual({ outcome: 'done' });
    expect(readReport('terminated', { ok: true, data: false, note: 'no' })).toEqual({ outcome: 'refused', text: 'no' });
  });

  it('never calls a contract gone, dead or done in words it was not made for', () => {
    const words = fc.constantFrom(
      'Contract',
      'not found',
      'error',
      'pool',
      'database',
      'timeout',
      'connection',
      'cancelled',
      '404',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 6 }), (chosen) => {
        const text = `Internal: ${chosen.join(' ')}`;
        expect(readReport('provisioned', fail(text))).toEqual({ outcome: 'refused', text });
      }),
    );
  });
});

describe('an answer to a lock request', () => {
  const NOW = 1_700_000_000_000;
  it.each([
    [
      { ok: true, data: { acquired: true, expiresAtNs: Number('1767225600123456789') } },
      { state: 'held', expiresAt: 1_767_225_600_123 },
    ],
    [
      { ok: true, data: { acquired: true, expires_at_ns: '1767225600123456789' } },
      { state: 'held', expiresAt: 1_767_225_600_123 },
    ],
    [
      { ok: true, data: { acquired: true } },
      { state: 'held', expiresAt: NOW + 300_000 },
    ],
    [
      { ok: true, data: { acquired: false, expiresAtNs: 9e18 }, note: 'Contract already locked by another agent' },
      { state: 'taken' },
    ],
    [fail('Contract already locked by another agent'), { state: 'taken' }],
    [fail('Contract not found: ab'), { state: 'not-found' }],
    [fail('Contract ab is not in lockable status (status: active)'), { state: 'not-lockable', status: 'active' }],
    [
      fail('Contract ab is not in lockable status (status: provisioning_failed)'),
      { state: 'not-lockable', status: 'provisioningfailed' },
    ],
    [fail('Contract ab is not in lockable status'), { state: 'not-lockable', status: 'unknown' }],
    [fail('Contract ab payment not succeeded (status: pending)'), { state: 'unpaid', payment: 'pending' }],
  ] as const)('%j', (envelope, expected) => {
    expect(readLock(envelope, NOW)).toEqual(expected);
  });

  it.each([{ acquired: 'true' }, {}, 'yes', [], 1, true])(
    'is not believed when it does not say acquired: %j',
    (data) => {
      expect(() => readLock({ ok: true, data }, NOW)).toThrow(expect.objectContaining({ kind: 'protocol' }));
    },
  );

  it('is an error in any other words, so that nothing is concluded from it', () => {
    expect(() => readLock(fail("Agent does not have 'provision' permission"), NOW)).toThrow(PlatformError);
    expect(() => readLock(fail('pool timed out'), NOW)).toThrow(expect.objectContaining({ kind: 'refused' }));
  });
});

it('tells a list of password resets that cannot be read from one that is refused', () => {
  expect(isUnlistable('error occurred while decoding column 0: mismatched types')).toBe(true);
  expect(isUnlistable('Unauthorized: not yours')).toBe(false);
  expect(isUnlistable('Agent is not delegated by this provider')).toBe(false);
});
