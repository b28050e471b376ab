import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startDevPlatform } from './cli.ts';
import { manualClock } from './manual-clock.ts';
import { serveStory } from './served-story.ts';
import { cheapSigning } from './sign.ts';
import { createSignedClient } from './signed-client.ts';
import { createTenant } from './tenant.ts';

const cleanups: (() => Promise<void>)[] = [];
const serve = () => serveStory(cleanups);
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('over real HTTP', () => {
  test('answers with date, length and content type', async () => {
    const { lock, clock } = await serve();
    const { status, headers, body } = await lock();
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      date: new Date(clock.now()).toUTCString(),
    });
  });

  test.each([
    ['drop-before', false],
    ['drop-after', true],
    ['truncate', true],
  ] as const)('%s breaks the connection', async (kind, effect) => {
    const { story, lock, isLocked } = await serve();
    story.core.faults.add({ route: 'lock', fault: { kind } });
    await expect(lock()).rejects.toThrow();
    expect(isLocked()).toBe(effect);
    expect((await lock()).status).toBe(200);
  });

  test.each([
    [{ kind: 'bad-gateway' }, 502, /^<html>/],
    [{ kind: 'throttle' }, 429, /^Too many/],
    [{ kind: 'truncate', framing: 'intact' }, 200, /^\{"success":true[^}]*$/],
  ] as const)('%j arrives as it is', async (fault, status, body) => {
    const { story, lock } = await serve();
    story.core.faults.add({ route: 'lock', fault });
    const answer = await lock();
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(body);
  });

  test('a delay runs on the platform’s clock: processed at once, answered when it has passed', async () => {
    const { story, lock, isLocked, clock } = await serve();
    story.core.faults.add({ route: 'lock', fault: { kind: 'delay', ms: 60_000 } });
    const processed = new Promise<void>((resolve) => story.core.onExchange(() => resolve()));
    const answer = lock();
    await processed;
    expect(isLocked()).toBe(true);
    clock.advance(60_000);
    expect((await answer).status).toBe(200);
  });

  test('a caller that leaves in the middle of its body is not processed', async () => {
    const { story, server, lock } = await serve();
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write('POST /api/v1/agents/setup HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"token"');
    const routes: unknown[] = [];
    story.core.onExchange(({ outcome }) => routes.push(outcome.route));
    socket.destroy();
    await once(socket, 'close');
    await lock();
    expect(routes).toEqual(['lock']);
  });

  test('the event stream tells changes and ends when resets cannot be listed', async () => {
    const { story, server, clock, signed } = await serve();
    story.core.quirks.passwordResetListFails = false;
    const contract = story.rent();
    story.bringUp(contract);
    const path = `/api/v1/providers/${story.provider}/password-reset-events`;
    const response = await fetch(server.url + path, { headers: signed('GET', path) });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => (await reader?.read())?.value;
    expect(await next()).toContain('{"count":0,"contract_ids":[]}');
    clock.advance(30_000);
    expect(await next()).toBe(':\n\n');
    story.core.admin.resetPassword(contract.id);
    clock.advance(5000);
    expect(await next()).toContain(`{"count":1,"contract_ids":["${contract.id}"]}`);
    story.core.quirks.passwordResetListFails = true;
    clock.advance(5000);
    expect(await next()).toBeUndefined();
  });

  test('closing cuts a call that hangs', async () => {
    const { story, server, lock } = await serve();
    story.core.faults.add({ route: 'lock', fault: { kind: 'hang' } });
    const processed = new Promise<void>((resolve) => story.core.onExchange(() => resolve()));
    const end = lock().then(
      () => 'answered',
      () => 'broken',
    );
    await processed;
    cleanups.splice(cleanups.indexOf(server.close), 1);
    await server.close();
    expect(await end).toBe('broken');
  });
});

describe('a platform to play with', () => {
  test('has all that is needed to register, rent and cancel, and cleans up after itself', async () => {
    const platform = await startDevPlatform({ seedOffering: 'docker' });
    cleanups.push(platform.close);
    const { core: _core, close: _close, ...facts } = platform;
    expect(Object.values(facts).every((fact) => ['string', 'number'].includes(typeof fact))).toBe(true);
    expect(statSync(platform.providerKeyFile).mode & 0o777).toBe(0o600);

    const owner = createSignedClient({ platform: platform.url, seed: readFileSync(platform.providerKeyFile, 'utf8') });
    expect(owner.key).toBe(platform.providerKey);
    const agent = createSignedClient({ platform: platform.url }, 'x-agent-pubkey');
    await owner.call('POST', '/agents/setup', { token: platform.setupToken, agentPubkey: agent.key });
    const tenant = createTenant({ platform: platform.url });
    for (let i = 0; i < 2; i++) await tenant.rent({ offering: platform.offering, sshKey: 'ssh-ed25519 AAAA' });
    expect(await agent.call('GET', `/providers/${platform.providerKey}/contracts/pending-provision`)).toMatchObject([
      { provisioner_type: 'docker' },
      { provisioner_type: 'docker' },
    ]);

    await platform.close();
    cleanups.pop();
    expect(existsSync(platform.providerKeyFile)).toBe(false);
  });

  test('runs on real time, and can be sent ahead', async () => {
    const platform = await startDevPlatform();
    cleanups.push(platform.close);
    const id = await createTenant({ platform: platform.url }).rent({
      offering: platform.offering,
      sshKey: 'ssh-rsa AAAA',
    });
    const post = (verb: string, body: object) =>
      fetch(`${platform.adminUrl}/${verb}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    await post('advance', { ms: 3 * 3_600_000 });
    expect(platform.core.contracts.get(id)?.status).toBe('provisioningfailed');
    const tenant = createTenant({ platform: platform.url });
    await expect(tenant.contract(id)).rejects.toThrow('timestamp expired');
    await post('settings', { skewMs: 86_400_000 });
    await expect(tenant.contract(id)).rejects.toThrow('not a party');
  });

  test('takes nothing with it when it cannot start', async () => {
    const platform = await startDevPlatform();
    cleanups.push(platform.close);
    const port = Number(new URL(platform.url).port);
    await expect(startDevPlatform({ port })).rejects.toThrow('EADDRINUSE');
  });
});

test('a server under a clock of its own refuses the time of another', async () => {
  const { story, server } = await serve();
  const clock = manualClock(story.clock.now() + 300_001);
  const client = createSignedClient(
    { platform: server.url, seed: story.agent.key, clock, signing: cheapSigning },
    'x-agent-pubkey',
  );
  await expect(client.call('GET', `/providers/${story.provider}/contracts/pending-provision`)).rejects.toThrow(
    'HTTP 401: Request timestamp expired',
  );
});
