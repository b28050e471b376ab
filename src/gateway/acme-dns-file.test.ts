import { describe, expect, it } from 'vitest';
import { parseAcmeDns, renderAcmeDns } from './acme-dns-file.ts';

const account = { serverUrl: 'https://api.example.org/acme', username: 'user', password: 'hidden', subdomain: 'user' };

describe('the file with the account for certificates', () => {
  it('is read as it was written', () => {
    expect(parseAcmeDns(renderAcmeDns(account), '/f')).toEqual(account);
    const named = { ...account, dcId: 'dc-sl' };
    expect(parseAcmeDns(renderAcmeDns(named), '/f')).toEqual(named);
  });

  it.each(['', 'hidden', '{"password":"hidden"}', renderAcmeDns({ ...account, serverUrl: 'hidden' })])(
    'is refused when it is %j, and nothing of it is told',
    (text) => {
      expect(() => parseAcmeDns(text, '/f')).toThrow(/^\/f is no acme-dns account/);
      expect(() => parseAcmeDns(text, '/f')).not.toThrow(/hidden/);
    },
  );
});
