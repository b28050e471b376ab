import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';
import { createVault } from './vault.ts';

const KEY = new Secret('11'.repeat(32));
const vault = createVault(KEY, systemRandom);
const SEALED_BY_VERSION_1 =
  '000000000000000000000000000000000000000000000000.652319ccc879fb96e3d008b1f9238354b5a681986574d6fc';

describe('the vault', () => {
  it('opens what it sealed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(vault.open(vault.seal(text))).toBe(text);
      }),
    );
  });

  it('opens what the same key sealed in an earlier process', () => {
    expect(createVault(new Secret('11'.repeat(32)), systemRandom).open(vault.seal('password'))).toBe('password');
  });

  it('still opens what the first release sealed', () => {
    const fixed = createVault(KEY, { ...systemRandom, bytes: (count) => new Uint8Array(count) });
    expect(fixed.seal('password')).toBe(SEALED_BY_VERSION_1);
    expect(vault.open(SEALED_BY_VERSION_1)).toBe('password');
  });

  it('shows nothing of the text, not even that two are alike', () => {
    const [one, two] = [vault.seal('password'), vault.seal('password')];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^[0-9a-f]{48}\.[0-9a-f]+$/);
    expect(Buffer.from(one.split('.')[1] ?? '', 'hex').toString('latin1')).not.toContain('password');
  });

  it('opens nothing that another key sealed', () => {
    const other = createVault(new Secret('12'.repeat(32)), systemRandom);
    expect(() => other.open(vault.seal('password'))).toThrow();
  });

  it('opens nothing that was changed, in any place', () => {
    const sealed = vault.seal('password');
    for (let index = 0; index < sealed.length; index++) {
      if (sealed[index] === '.') continue;
      const changed = `${sealed.slice(0, index)}${sealed[index] === '0' ? '1' : '0'}${sealed.slice(index + 1)}`;
      expect(() => vault.open(changed), `character ${index}`).toThrow();
    }
  });

  it.each([
    '',
    '.',
    'nonsense',
    `${'00'.repeat(24)}`,
    `${'00'.repeat(24)}.`,
    `${'00'.repeat(23)}.${'00'.repeat(24)}`,
    'zz.zz',
  ])('refuses %j', (text) => {
    expect(() => vault.open(text)).toThrow();
  });
});
