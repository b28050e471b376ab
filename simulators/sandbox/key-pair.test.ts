import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { keyPair } from './key-pair.ts';

test('a pair that cannot be read is not given out', () => {
  const good = keyPair(ssh2);
  const cut = { ...good, private: good.private.replace(/\n.{8}/, '\n') };
  const drawn = [cut, { ...good, public: 'ssh-ed25519 AAAA' }, good];
  const utils = { ...ssh2.utils, generateKeyPairSync: () => drawn.shift() ?? good };
  expect(keyPair({ utils })).toEqual(good);
  expect(drawn).toEqual([]);
});
