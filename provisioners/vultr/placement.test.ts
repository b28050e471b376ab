import { describe, expect, test } from 'vitest';
import { orderedImage, placements } from './placement.ts';
import { vultrSettings } from './schema.ts';
import type { Plan } from './wire.ts';

const plan = (id: string, vcpu_count: number, ram: number, disk: number, locations = ['ams', 'fra']): Plan => ({
  id,
  vcpu_count,
  ram,
  disk,
  monthly_cost: 5,
  locations,
});
const PLANS = [
  plan('small', 1, 1_024, 25),
  plan('large', 2, 4_096, 80),
  plan('wide', 2, 2_048, 160, ['fra']),
  plan('cheap-v6', 1, 1_024, 25),
];

const lists = (given: object = {}) =>
  vultrSettings.parse({
    api_key: 'key',
    offerings: ['1'],
    plans: ['small', 'large', 'wide', 'cheap-v6'],
    regions: ['ams', 'fra'],
    image: 'os:2136',
    images: ['image:docker'],
    orders_may_name: ['plan', 'region', 'image'],
    ...given,
  });

function places(settings: object, given: object = {}, { size = {}, soldOut = [] as string[], imageGb = 0 } = {}) {
  const market = {
    plans: PLANS,
    imageGb,
    isAvailable: (id: string, region: string) => !soldOut.includes(`${id} ${region}`),
  };
  return placements({ settings: settings as Record<string, unknown>, ...size }, lists(given), market).map(
    ({ plan: id, region, insteadOf }) => [id, region, insteadOf].filter(Boolean).join(' '),
  );
}

describe('what would do for an order', () => {
  test('is every plan that is large enough, in every region where it is to be had, in the order of the lists', () => {
    expect(places({})).toEqual(['small ams', 'small fra', 'large ams', 'large fra', 'wide fra']);
    expect(places({}, {}, { size: { memoryMb: 2_000 } })).toEqual(['large ams', 'large fra', 'wide fra']);
    expect(places({}, {}, { size: { storageGb: 100 } })).toEqual(['wide fra']);
    expect(places({}, {}, { imageGb: 30, soldOut: ['large ams'] })).toEqual(['large fra', 'wide fra']);
  });

  test('is a plan without an IPv4 address only where none is wanted', () => {
    expect(places({}, { plans: ['cheap-v6', 'small'] })).toEqual(['small ams', 'small fra']);
    expect(places({}, { plans: ['cheap-v6'], ipv4: 'none' })).toEqual(['cheap-v6 ams', 'cheap-v6 fra']);
  });

  test.each([
    ['none', ['large ams']],
    ['region', ['large ams', 'large fra large_ams']],
    ['plan', ['large ams']],
    ['both', ['large ams', 'large fra large_ams']],
  ])('of what it names is, with substitute = %s, %j', (substitute, expected) => {
    expect(places({ plan: 'large', region: 'ams' }, { substitute })).toEqual(expected);
  });

  test('in the place of what it names is at least as large', () => {
    expect(places({ plan: 'small', region: 'ams' }, { substitute: 'plan' })).toEqual([
      'small ams',
      'large ams small_ams',
    ]);
  });

  test('is nothing where it names what it may not, or more than there is', () => {
    for (const settings of [{ plan: 'huge' }, { region: 'mars' }, { plan: 7 }]) {
      expect(() => places(settings)).toThrow(expect.objectContaining({ kind: 'permanent' }));
    }
    expect(() => places({ plan: 'small' }, { orders_may_name: [] })).toThrow('may not have');
    expect(() => places({}, {}, { size: { cpuCores: 9 } })).toThrow(expect.objectContaining({ kind: 'permanent' }));
    expect(() => places({}, { plans: ['gone'] })).toThrow(expect.objectContaining({ kind: 'config' }));
  });
});

test('an order’s image is one of the provider’s list, or the first', () => {
  expect(orderedImage({ settings: {} }, lists())).toBe('os:2136');
  expect(orderedImage({ settings: { image: 'image:docker' } }, lists())).toBe('image:docker');
  expect(() => orderedImage({ settings: { image: 'os:1' } }, lists())).toThrow('may not have');
  expect(() => orderedImage({ settings: { image: 'image:docker' } }, lists({ orders_may_name: [] }))).toThrow();
});

test.each(['os:2136', 'image:docker', 'snapshot:7a1f5c0e-2b3d-4e5f-8a9b-0c1d2e3f4a5b'])('%s is an image', (image) => {
  expect(lists({ image }).image).toBe(image);
});

test.each(['2136', 'os:', 'os:debian', 'os:0', 'image:../x', 'snapshot:latest', 'iso:1'])('%s is none', (image) => {
  expect(() => lists({ image })).toThrow('expected os:NUMBER');
});
