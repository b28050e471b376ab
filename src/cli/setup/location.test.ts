import { expect, test } from 'vitest';
import { checkLocation } from './location.ts';

const TOKEN = 'apt_europe_0123456789abcdef';

test.each([
  ['Europe/Berlin', undefined],
  ['Etc/UTC', undefined],
  ['America/Lima', 'The setup token is for a pool in europe, and this host’s time zone is America/Lima.'],
])('a host in %s: %s', (zone, doubt) => {
  expect(checkLocation(TOKEN, undefined, zone)).toEqual({ pool: 'europe', ...(doubt === undefined ? {} : { doubt }) });
});

test('what the operator says counts more than a time zone', () => {
  expect(checkLocation(TOKEN, 'europe', 'America/Lima')).toEqual({ pool: 'europe' });
  expect(() => checkLocation(TOKEN, 'latam', 'Europe/Berlin')).toThrow(
    'is for a pool in europe, and --location says latam',
  );
});

test('a token of another form says nothing about a location', () => {
  expect(checkLocation('another-kind-of-token', 'latam', 'Europe/Berlin')).toEqual({});
  expect(checkLocation(undefined, undefined, 'Europe/Berlin')).toEqual({});
});
