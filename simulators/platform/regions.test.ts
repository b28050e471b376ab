import { describe, expect, test } from 'vitest';
import { LOCATIONS, regionOf } from './regions.ts';

describe('the region of a country', () => {
  test.each([
    ['DE', 'europe'],
    ['XK', 'europe'],
    ['UA', 'cis'],
    ['MX', 'na'],
    ['BR', 'latam'],
    ['JP', 'apac'],
    ['KE', 'mena'],
    ['ZW', 'ssa'],
    ['de', 'europe'],
  ])('%s lies in %s', (country, region) => {
    expect(regionOf(country)).toBe(region);
    expect(LOCATIONS).toContain(region);
  });

  test('is none for these, though they are countries', () => {
    const unmapped =
      'AQ AX BF BJ BQ BV CC CI CV CX FO GG GH GI GM GN GQ GS GW HM IM IO JE KM LR MG MU NF NG PN RE SC SH SJ SL SN ST TF TG UM YT ZA';
    expect(unmapped.split(' ').filter((country) => regionOf(country) !== undefined)).toEqual([]);
  });
});
