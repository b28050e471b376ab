import { expect, test } from 'vitest';
import { splitReference } from './image.ts';
import { dockerSettings } from './schema.ts';

test.each([
  ['debian', { repository: 'debian', tag: 'latest' }],
  ['debian:12', { repository: 'debian', tag: '12' }],
  ['host:5000/a/b', { repository: 'host:5000/a/b', tag: 'latest' }],
  ['host:5000/a/b:v1', { repository: 'host:5000/a/b', tag: 'v1' }],
  ['a/b@sha256:0123', { repository: 'a/b@sha256:0123' }],
])('%s is pulled as one image', (name, parts) => {
  expect(splitReference(name)).toEqual(parts);
});

test.each(['../containers/json', 'a/../b', 'a//b', 'a/', 'a?b=c', 'a b', '-a', 'a%2e', ''])(
  "the name '%s' never reaches the engine's path",
  (name) => {
    expect(dockerSettings.safeParse({ default_image: name }).success).toBe(false);
    expect(dockerSettings.safeParse({ allowed_images: [name] }).success).toBe(false);
  },
);
