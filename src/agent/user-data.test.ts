import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { admission, NOW, ORDER, toldAt } from '../lifecycle/fixtures.ts';
import { userDataOf } from './user-data.ts';

const vault = { seal: (text: string) => text, open: (text: string) => text, derive: () => new Uint8Array(32) };
const record = toldAt(NOW, admission({ ...ORDER, sshKey: 'ssh-ed25519 AAAA' }));

function documentFor(user: string | undefined): { users?: { name: string; ssh_authorized_keys: string[] }[] } {
  const userData = { maxBytes: 32_768, ...(user === undefined ? {} : { user }) };
  return parse(userDataOf(record, { vault }, { readiness: 'ssh', userData })?.reveal() ?? '');
}

test('the user as whom a tenant logs in is made, with the tenant’s key', () => {
  const [image, made] = documentFor('admin').users ?? [];
  expect(image).toBe('default');
  expect(made).toMatchObject({ name: 'admin', ssh_authorized_keys: ['ssh-ed25519 AAAA'] });
});

test.each([undefined, 'root'])('as %s nobody need be made', (user) => {
  expect(documentFor(user)).not.toHaveProperty('users');
});

test('a backend that takes no user data gets none', () => {
  expect(userDataOf(record, { vault }, { readiness: 'ssh' })).toBeUndefined();
});
