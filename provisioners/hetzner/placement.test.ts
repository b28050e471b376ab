import { describe, expect, test } from 'vitest';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import { settingsOf } from './fixtures.ts';
import { isOffered, orderedImage, placements } from './placement.ts';
import type { Image, ServerType } from './wire.ts';

const NOW = Date.parse('2026-11-22T00:00:00Z');
const PRICE = { net: '1.0', gross: '1.19' };

function type(name: string, cores: number, memory: number, disk: number, more: Partial<ServerType> = {}): ServerType {
  const places = ['fsn1', 'nbg1', 'hel1'];
  return {
    id: name.length,
    name,
    cores,
    memory,
    disk,
    architecture: 'x86',
    prices: places.map((location) => ({ location, price_hourly: PRICE, price_monthly: PRICE })),
    locations: places.map((place) => ({ name: place, available: true, recommended: true, deprecation: null })),
    ...more,
  };
}

const TYPES = [
  type('small', 2, 4, 40),
  type('medium', 4, 8, 80),
  type('large', 8, 16, 160),
  type('arm', 4, 8, 80, { architecture: 'arm' }),
];
const image = (id: number, architecture: string, disk_size = 5): Image => ({
  id,
  name: 'debian-13',
  type: 'system',
  status: 'available',
  architecture,
  disk_size,
});
const IMAGES = [image(1, 'x86'), image(2, 'arm')];

const lists = (given: object = {}) =>
  settingsOf({ server_types: ['small', 'medium', 'large'], locations: ['fsn1', 'nbg1'], ...given });
const choose = (order: object, given: object = {}, types = TYPES, images = IMAGES) =>
  placements({ settings: {}, ...order }, lists(given), { types, images, now: NOW });
const places = (...parameters: Parameters<typeof choose>) =>
  choose(...parameters).map((each) => `${each.type}.${each.location}${each.insteadOf ? ` not ${each.insteadOf}` : ''}`);
const kindOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof ProvisionerError) return error.kind;
    throw error;
  }
  return 'none';
};

describe('what would do for an order', () => {
  test('is everything on the lists, type by type, where it names nothing', () => {
    expect(places({})).toEqual(['small', 'medium', 'large'].flatMap((each) => [`${each}.fsn1`, `${each}.nbg1`]));
  });

  test('is never smaller than ordered', () => {
    expect(places({ memoryMb: 8192, cpuCores: 4, storageGb: 80 })[0]).toBe('medium.fsn1');
    expect(places({ storageGb: 81 })).toEqual(['large.fsn1', 'large.nbg1']);
    expect(kindOf(() => choose({ cpuCores: 9 }))).toBe('permanent');
  });

  test('is only what it names, unless something may take its place', () => {
    const named = { settings: { server_type: 'medium', location: 'nbg1' } };
    expect(places(named)).toEqual(['medium.nbg1']);
    expect(places(named, { substitute: 'location' })).toEqual(['medium.nbg1', 'medium.fsn1 not medium.nbg1']);
    expect(places(named, { substitute: 'type' })).toEqual(['medium.nbg1', 'large.nbg1 not medium.nbg1']);
    expect(places(named, { substitute: 'both' })).toEqual([
      'medium.nbg1',
      'medium.fsn1 not medium.nbg1',
      'large.nbg1 not medium.nbg1',
      'large.fsn1 not medium.nbg1',
    ]);
  });

  test('never changes the architecture that was named', () => {
    const given = { server_types: ['small', 'medium', 'arm', 'large'], substitute: 'both' };
    expect(places({ settings: { server_type: 'medium' } }, given).some((each) => each.startsWith('arm'))).toBe(false);
  });

  test('takes the image of its architecture, and none that does not fit on the disk', () => {
    const given = { server_types: ['small', 'arm'] };
    expect(choose({}, given).map(({ imageId }) => imageId)).toEqual([1, 1, 2, 2]);
    expect(places({}, {}, TYPES, [image(3, 'x86', 50)])).not.toContain('small.fsn1');
    expect(places({}, {}, TYPES, [image(2, 'arm')])).toEqual([]);
  });

  test('is not what has gone from the catalogue', () => {
    expect(places({}, {}, TYPES.slice(1))[0]).toBe('medium.fsn1');
    expect(kindOf(() => choose({}, {}, []))).toBe('config');
    // Nobody can say what is as large as a type that is gone.
    const named = { settings: { server_type: 'small' } };
    expect(kindOf(() => choose(named, { substitute: 'both' }, TYPES.slice(1)))).toBe('config');
  });

  test('refuses what is not on the provider’s lists, and ignores what is not a name', () => {
    for (const settings of [
      { server_type: 'huge' },
      { location: 'moon' },
      { server_type: ['small'] },
      { location: 1 },
    ]) {
      expect(kindOf(() => choose({ settings }))).toBe('permanent');
    }
    expect(places({ settings: { server_type: null, location: '' } })).toHaveLength(6);
  });
});

describe('a type is offered in a location', () => {
  const location = (more: object) => type('one', 1, 1, 1, { locations: [{ name: 'fsn1', ...more }] });

  test('while it is available and not out of sale', () => {
    expect(isOffered(location({ available: true }), 'fsn1', NOW)).toBe(true);
    expect(isOffered(location({}), 'fsn1', NOW)).toBe(true);
    expect(isOffered(location({ available: false }), 'fsn1', NOW)).toBe(false);
    expect(isOffered(location({ available: true }), 'nbg1', NOW)).toBe(false);
    const until = (unavailable_after: string) => location({ available: true, deprecation: { unavailable_after } });
    expect(isOffered(until('2026-12-01T00:00:00Z'), 'fsn1', NOW)).toBe(true);
    expect(isOffered(until('2026-11-01T00:00:00Z'), 'fsn1', NOW)).toBe(false);
  });

  test('where it has a price, when the API tells no locations', () => {
    const old = type('one', 1, 1, 1, { locations: null });
    expect([isOffered(old, 'fsn1', NOW), isOffered(old, 'ash', NOW)]).toEqual([true, false]);
  });
});

test('a tenant cannot have a dearer type by naming it, unless the provider lets orders name types', () => {
  const lists = { orders_may_name: ['location', 'image'] };
  expect(kindOf(() => choose({ cpuCores: 2, settings: { server_type: 'large' } }, lists))).toBe('permanent');
  expect(places({ cpuCores: 2, settings: { location: 'nbg1' } }, lists)[0]).toBe('small.nbg1');
  expect(kindOf(() => choose({ settings: { location: 'nbg1' } }, { orders_may_name: [] }))).toBe('permanent');
  expect(settingsOf({ orders_may_name: undefined }).orders_may_name).toEqual(['location', 'image']);
});

test('the image of an order is one of the provider’s', () => {
  const given = lists({ images: ['snapshot:base'] });
  expect(orderedImage({ settings: {} }, given)).toBe('debian-13');
  expect(orderedImage({ settings: { image: 'snapshot:base' } }, given)).toBe('snapshot:base');
  expect(kindOf(() => orderedImage({ settings: { image: 'ubuntu-26.04' } }, given))).toBe('permanent');
});
