import { afterEach, describe, expect, test } from 'vitest';
import { startPlatformServer } from './http.ts';
import { serveStory } from './served-story.ts';

const cleanups: (() => Promise<void>)[] = [];
const serve = () => serveStory(cleanups);
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('the admin interface', () => {
  test('tells a story without a signature', async () => {
    const { admin, story, server } = await serve();
    const { providerKey: provider } = (await admin('provider')).data;
    const { pool } = (await admin('pool', { provider, location: 'na' })).data;
    const { token } = (await admin('token', { pool, label: 'x' })).data;
    await admin('register', { token, key: 'ab'.repeat(32) });
    const { offering } = (await admin('offering', { provider, columns: { agent_pool_id: pool } })).data;
    const { contractId: contract } = (await admin('rent', { offering, hours: 5 })).data;
    const status = async () => {
      const rows = JSON.parse(await (await fetch(`${server.url}/__admin/contracts`)).text());
      return rows.find((row: { contractId: string }) => row.contractId === contract);
    };
    expect(await status()).toMatchObject({ status: 'accepted', payment: 'succeeded' });
    await admin('set-status', { contract, status: 'active' });
    await admin('pause', { contract, reason: 'why' });
    expect(await status()).toMatchObject({ status: 'paused' });
    await admin('resume', { contract });
    await admin('set-payment', { contract, payment: 'pending' });
    await admin('set-end', { contract, at: 1 });
    expect(await status()).toMatchObject({ status: 'active', payment: 'pending', endsAt: 1 });
    await admin('extend', { contract, hours: 1 });
    await admin('cancel', { contract });
    expect(await status()).toMatchObject({ status: 'cancelled', endsAt: 3_600_001 });
    await admin('forget', { contract });
    expect(await status()).toBeUndefined();
    await admin('set-permissions', { key: 'ab'.repeat(32), permissions: ['heartbeat'] });
    await admin('credit', { key: 'ab'.repeat(32), amountE9s: 5 });
    await admin('revoke', { key: 'ab'.repeat(32) });
    expect(story.core.agents.get('ab'.repeat(32))).toMatchObject({
      permissions: ['heartbeat'],
      revokedAt: expect.any(Number),
    });
    expect(story.core.state.wallets.get('ab'.repeat(32))).toBe(5);
  });

  test('answers for a tenant’s wishes, the provider’s choice and a lost dispute', async () => {
    const { admin, story } = await serve();
    const contract = story.rent();
    story.bringUp(contract);
    const body = { contract: contract.id };
    await admin('reset-password', body);
    await admin('rotate-key', { ...body, sshKey: 'ssh-ed25519 AAAA' });
    expect(contract).toMatchObject({ resetRequestedAt: story.clock.now(), rotationKey: 'ssh-ed25519 AAAA' });
    await admin('expire', body);
    expect(contract.endAt).toBeLessThan(story.clock.now());
    await admin('pause', body);
    await admin('lose-dispute', body);
    expect(contract.status).toBe('cancelled');
    story.core.admin.provider({ key: story.provider, autoAccept: false });
    const [yes, no] = [story.rent(), story.rent()];
    await admin('accept', { contract: yes.id });
    await admin('reject', { contract: no.id });
    expect([yes.status, no.status]).toEqual(['accepted', 'rejected']);
    await admin('verify-email', { key: yes.tenant });
    expect(story.core.state.accounts.get(yes.tenant)).toEqual({ emailVerified: true });
  });

  test('scripts faults, and takes them back', async () => {
    const { admin, lock } = await serve();
    expect((await admin('fault', { route: 'lock', fault: { kind: 'bad-gateway' } })).data).toEqual({ pending: 1 });
    expect([(await lock()).status, (await lock()).status]).toEqual([502, 200]);
    await admin('fault', { route: '*', times: 'forever', fault: { kind: 'throttle', retryAfterSeconds: 1 } });
    expect([(await lock()).status, (await lock()).status]).toEqual([429, 429]);
    await admin('clear-faults');
    expect((await lock()).status).toBe(200);
  });

  test('turns switches and settings, and shows them all', async () => {
    const { admin, story } = await serve();
    expect((await admin('quirks', { anyoneMayFail: false })).data).toMatchObject({
      anyoneMayFail: false,
      neverExpires: true,
    });
    expect((await admin('settings', { lockTtlMs: 1000, dns: false })).data).toMatchObject({
      lockTtlMs: 1000,
      dns: false,
    });
    expect(story.core.quirks.anyoneMayFail).toBe(false);
    expect(story.core.settings).toMatchObject({ lockTtlMs: 1000, skewMs: 300_000 });
  });

  test('moves the clock, and fires the server’s timers on the way', async () => {
    const { admin, story, contract } = await serve();
    const before = story.clock.now();
    const { data } = await admin('advance', { ms: 2 * 3_600_000 });
    expect(Date.parse(data.now)).toBe(before + 2 * 3_600_000);
    expect(story.core.contracts.get(contract)?.status).toBe('provisioningfailed');
  });

  test('keeps backups by name', async () => {
    const { admin, story, contract } = await serve();
    await admin('backup', { name: 'monday' });
    await admin('cancel', { contract });
    expect((await admin('restore', { name: 'sunday' })).data).toEqual({ error: 'No backup "sunday"' });
    await admin('restore', { name: 'monday' });
    expect(story.core.contracts.get(contract)?.status).toBe('accepted');
  });

  test('says what is wrong', async () => {
    const { admin } = await serve();
    expect(await admin('dance')).toMatchObject({
      status: 404,
      data: { error: expect.stringContaining('clear-faults') },
    });
    expect(await admin('cancel', { contract: 'none' })).toEqual({
      status: 400,
      data: { error: 'Contract not found: none' },
    });
    expect(await admin('cancel', { contarct: 'x' })).toMatchObject({
      status: 400,
      data: { error: expect.stringContaining('contarct') },
    });
    expect((await admin('cancel', '{')).status).toBe(400);
    expect((await admin('quirks', { anyoneMayFly: true })).status).toBe(400);
    expect((await admin('offering', { provider: 'x', columns: { monthly_price: 'cheap' } })).status).toBe(400);
    expect((await admin('cancel', {}, { 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('is closed to web pages, and absent unless asked for', async () => {
    const { admin, story } = await serve();
    const headers = { 'content-type': 'application/json', origin: 'https://example.org' };
    expect((await admin('clear-faults', {}, headers)).status).toBe(403);
    const bare = await startPlatformServer({ core: story.core });
    cleanups.push(bare.close);
    expect((await fetch(`${bare.url}/__admin/contracts`)).status).toBe(404);
  });
});
