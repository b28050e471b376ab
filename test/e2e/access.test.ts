import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCredentials } from '../../src/identity/credentials.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { machineName } from '../../src/ports/ids.ts';
import { Secret } from '../../src/ports/secret.ts';
import { login, loginWithPassword, makeKey } from './ground/login.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { filesBelow } from './ground/traces.ts';
import { openWorld, type World } from './ground/world.ts';

describe('a tenant asks for new access', () => {
  let world: World<SandboxBackend>;
  let stall: Stall;

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    stall = world.market.stall('sandbox');
  });
  afterAll(() => world?.close());

  test('a new key replaces the old one, and a new password works and is nowhere on the host', async () => {
    const { market, pulse } = world;
    market.core.quirks.passwordResetListFails = false;
    const sent: string[] = [];
    market.core.onExchange(({ request }) => {
      if (request.path.endsWith('/password')) sent.push(JSON.parse(request.body).newPassword);
    });
    const host = await world.host(stall);
    const lease = market.rent(stall.offering);
    host.run();
    await expectOrder(world);
    const door = market.details(lease.contract);
    if (door === undefined) throw new Error('handed over without details');

    const fresh = makeKey('tenant@new-laptop');
    market.core.admin.rotateKey(lease.contract, fresh.publicKey);
    market.core.admin.resetPassword(lease.contract);
    const row = market.row(lease.contract);
    await pulse.until(
      'both requests to be served',
      () => row.rotationKey === undefined && row.resetRequestedAt === undefined,
      () => host.lately,
    );

    expect(await login(door, fresh.privateKey, 'uname -n')).toBe(`${machineName(lease.contract)}\n`);
    await expect(login(door, lease.privateKey, 'uname -n')).rejects.toThrow(/authentication/i);
    const [password] = sent;
    if (password === undefined) throw new Error('no password was sent');
    expect(await loginWithPassword(door, password, 'uname -n')).toBe(`${machineName(lease.contract)}\n`);
    await expect(loginWithPassword(door, `${password}x`, 'uname -n')).rejects.toThrow(/authentication/i);
    expect(await filesBelow(host.stateDir)).not.toContain(password);
    expect(host.said).not.toContain(password);

    expect((await host.dc('reset-password', lease.contract.slice(0, 8))).code).toBe(0);
    await pulse.until(
      'another password',
      () => sent.length > 1 && sent.at(-1) !== password,
      () => host.lately,
    );
    expect(await loginWithPassword(door, sent.at(-1) ?? '', 'uname -n')).toBe(`${machineName(lease.contract)}\n`);
    await expect(loginWithPassword(door, password, 'uname -n')).rejects.toThrow(/authentication/i);

    const seed = new Secret('3c'.repeat(32));
    const before = sent.length;
    await host.dc('reset-password', lease.contract, '--seal-for', createSigner(seed).publicKey);
    const envelope = await pulse.until(
      'a sealed password',
      () => sent[before],
      () => host.lately,
    );
    const sealed = openCredentials(envelope, seed, lease.contract).reveal();
    expect(await loginWithPassword(door, sealed, 'uname -n')).toBe(`${machineName(lease.contract)}\n`);
    expect(sent.join()).not.toContain(sealed);
    expect(await filesBelow(host.stateDir)).not.toContain(sealed);
    expect(host.said).not.toContain(sealed);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });
});
