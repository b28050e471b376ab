import { describe, expect, test } from 'vitest';
import { createStory, type Story } from './story.ts';

const story = (settings: object = {}) => createStory({ settings: { publicUrl: 'http://platform.test', ...settings } });
const register = (at: Story, dcId: string, agent = at.agent) =>
  agent.send('POST', '/agents/gateway/register', { dcId });
const dns = (at: Story, body: object) =>
  at.agent.send('POST', '/agents/dns', {
    action: 'create',
    slug: 'abc123',
    dcId: 'dc-eu',
    publicIp: '192.0.2.7',
    ...body,
  });

describe('gateway registration', () => {
  test('gives credentials, and new ones each time', () => {
    const at = story();
    const first = register(at, 'dc-eu').data;
    expect(first).toEqual({
      acmeDnsServerUrl: 'http://platform.test/api/v1/acme-dns',
      acmeDnsUsername: expect.stringMatching(/^[0-9a-f-]{36}$/),
      acmeDnsPassword: expect.stringMatching(/^[\w-]{32}$/),
      acmeDnsSubdomain: first.acmeDnsUsername,
    });
    expect(register(at, 'dc-eu').data.acmeDnsUsername).not.toBe(first.acmeDnsUsername);
  });

  test('binds the name to the provider that came first', () => {
    const at = story();
    const stranger = at.agentIn(at.core.admin.pool(at.core.admin.provider()));
    register(at, 'dc-eu');
    expect(register(at, 'dc-eu', stranger).error).toBe("dc_id 'dc-eu' is already registered to a different provider");
  });

  test.each(['a', '-dc', 'dc-', 'DC', 'dc_eu', 'x'.repeat(21)])('refuses the name %s', (dcId) => {
    expect(register(story(), dcId).error).toMatch(/^Invalid dc_id: /);
  });

  test('needs the permission and a server that knows its own address', () => {
    const at = story({ publicUrl: undefined });
    expect(register(at, 'dc-eu').error).toBe('API_PUBLIC_URL not set on server');
    at.core.admin.setPermissions(at.agent.key, []);
    expect(register(at, 'dc-eu').error).toBe("Agent does not have 'dns_manage' permission");
  });
});

describe('gateway DNS', () => {
  const names = (at: Story) => at.core.state.dns.map(({ name, ip }) => `${name} ${ip}`);

  test('creates, refuses the identical record, adds a second address, deletes the first match', () => {
    const at = story();
    register(at, 'dc-eu');
    const subdomain = 'abc123.dc-eu.gw.decent-cloud.org';
    expect(dns(at, {}).data).toEqual({ subdomain });
    expect(dns(at, {}).error).toMatch(/^Failed to create DNS record: /);
    expect(dns(at, { publicIp: '192.0.2.8' }).success).toBe(true);
    expect(names(at)).toEqual([`${subdomain} 192.0.2.7`, `${subdomain} 192.0.2.8`]);
    expect(dns(at, { action: 'delete', publicIp: undefined }).data).toEqual({ subdomain });
    expect(names(at)).toEqual([`${subdomain} 192.0.2.8`]);
    dns(at, { action: 'delete' });
    expect(dns(at, { action: 'delete' }).success).toBe(true);
  });

  test('is checked in this order: permission, upstream, slug, name, owner of the name, action', () => {
    const at = story();
    const wrong = { slug: 'X', dcId: '-', action: 'burn' };
    const error = (body: object) => dns(at, body).error;
    expect(error({ ...wrong, slug: 'abc123', dcId: 'dc-eu' })).toMatch(/is not registered to this provider$/);
    register(at, 'dc-eu');
    expect(error({ ...wrong, slug: 'abc123', dcId: 'dc-eu' })).toMatch(/^Invalid action: burn/);
    expect(error({ ...wrong, slug: 'abc123' })).toMatch(/^Invalid dc_id/);
    expect(error(wrong)).toMatch(/^Invalid slug/);
    at.core.settings.dns = false;
    expect(error(wrong)).toBe('DNS management not configured on server');
    at.core.admin.setPermissions(at.agent.key, []);
    expect(error(wrong)).toMatch(/permission$/);
  });
});

describe('acme-dns', () => {
  const update = (
    at: Story,
    headers: Record<string, string>,
    body: string = JSON.stringify({ subdomain: 'x', txt: 'token' }),
  ) => {
    const path = '/api/v1/acme-dns/update';
    const { response } = at.core.handle({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return { status: response.status, body: response.body };
  };
  const account = (at: Story) => {
    const { acmeDnsUsername: user, acmeDnsPassword: key } = register(at, 'dc-eu').data;
    return { 'x-api-user': String(user), 'x-api-key': String(key) };
  };

  test('keeps one value per name, overwriting', () => {
    const at = story();
    const headers = account(at);
    expect(update(at, headers)).toEqual({ status: 200, body: '{"txt":"token"}' });
    update(at, headers, '{"txt":"second"}');
    expect([...at.core.state.txt]).toEqual([['_acme-challenge.dc-eu.gw.decent-cloud.org', 'second']]);
  });

  test('answers with real status codes', () => {
    const at = story();
    const headers = account(at);
    expect(update(at, {}).status).toBe(401);
    expect(update(at, { ...headers, 'x-api-key': 'wrong' }).status).toBe(401);
    expect(update(at, { ...headers, 'x-api-user': 'no-uuid' }).status).toBe(400);
    expect(update(at, headers, '{}').status).toBe(400);
    expect(update(at, headers, '{').status).toBe(400);
    expect(update(at, { ...headers, 'content-type': 'text/plain' }).status).toBe(415);
    register(at, 'dc-eu');
    expect(update(at, headers).status).toBe(401);
    const fresh = account(at);
    at.core.settings.dns = false;
    expect(update(at, fresh).status).toBe(500);
  });

  test('is free of the rate limit', () => {
    const at = story({ rateLimits: true });
    const headers = account(at);
    for (let i = 0; i < 100; i++) expect(update(at, headers).status).toBe(200);
  });
});
