import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sampleSettings } from './fixtures.ts';
import { trustOf } from './provisioner.ts';
import { isAllowedNode, proxmoxSettings } from './schema.ts';

const FINGERPRINT = 'ab'.repeat(32);

function problem(more: Record<string, unknown>): string {
  const parsed = proxmoxSettings.safeParse({
    api_url: 'https://127.0.0.1:8006',
    api_token_id: 'dc@pve!agent',
    api_token_secret: 'x',
    node: 'pve',
    template_vmid: 9000,
    ...more,
  });
  return parsed.success
    ? ''
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

describe('the settings', () => {
  it('are complete with the keys of the reference agent', () => {
    expect(problem({})).toBe('');
    expect(
      problem({ verify_ssl: false, pool: 'dc', storage: 'zfs', ip_wait_attempts: 1, ip_wait_interval_secs: 1 }),
    ).toBe('');
  });

  it('describe every key', () => {
    const { properties = {} } = z.toJSONSchema(proxmoxSettings, { io: 'input', unrepresentable: 'any' });
    for (const [key, schema] of Object.entries(properties)) expect(schema, key).toHaveProperty('description');
  });

  it('refuse what could not work', () => {
    expect(problem({ vmid_start: 500, vmid_end: 400 })).toContain('vmid_end: is below vmid_start');
    expect(problem({ fingerprint: 'ab:cd' })).toContain('SHA-256');
    expect(problem({ nodes: [] })).toContain('nodes');
    expect(problem({ ci_user: 'Root User' })).toContain('ci_user');
    expect(problem({ ca_file: 'ca.pem' })).toContain('absolute');
    expect(problem({ address: { cidr: '192.0.2.1/24' } })).toContain('address');
    expect(problem({ address: { cidr: '192.0.2.0/24', gateway: '10.0.0.1' } })).toContain('address');
    expect(problem({ tags: ['Two Words'] })).toContain('tags');
  });

  it('name the nodes on which machines may be made', () => {
    const may = (more: Record<string, unknown>, node: string) => isAllowedNode(sampleSettings(more), node);
    expect([may({}, 'pve'), may({}, 'other')]).toEqual([true, false]);
    expect([
      may({ nodes: 'all' }, 'other'),
      may({ nodes: ['b', 'c'] }, 'pve'),
      may({ nodes: ['b', 'c'] }, 'c'),
    ]).toEqual([true, false, true]);
  });

  it('leave a certificate unchecked only when nothing says what to believe', () => {
    expect(trustOf(sampleSettings())).toEqual({ how: 'checked' });
    expect(trustOf(sampleSettings({ verify_ssl: false }))).toEqual({ how: 'unchecked' });
    const fingerprint = FINGERPRINT.toUpperCase().replace(/..(?!$)/g, '$&:');
    expect(trustOf(sampleSettings({ verify_ssl: false, fingerprint: FINGERPRINT }))).toEqual({
      how: 'checked',
      fingerprint,
    });
    expect(() => trustOf(sampleSettings({ ca_file: '/nowhere/ca.pem' }))).toThrow(
      "ca_file '/nowhere/ca.pem' cannot be read",
    );
  });
});
