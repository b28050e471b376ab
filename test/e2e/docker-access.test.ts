import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, lookUp, noEngine, whySkipped } from '../../provisioners/docker/test-engine.ts';
import { machineName } from '../../src/ports/ids.ts';
import { type DockerBackend, dockerBackend } from './ground/docker.ts';
import { login, loginWithPassword, makeKey } from './ground/login.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { filesBelow, processes, spellings } from './ground/traces.ts';
import { openWorld, type World } from './ground/world.ts';

/** What a tenant does who wants to log in by password: the image takes keys only. */
const LET_PASSWORDS_IN = `
  printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' | cat - /etc/ssh/sshd_config >/etc/ssh/new
  mv /etc/ssh/new /etc/ssh/sshd_config
  kill -HUP "$(ps -o pid,args | awk '/[l]istener/ { print $1; exit }')"`;

/** From now on a password that is being set waits in the machine's own chpasswd until somebody has looked around. */
const HOLD_PASSWORDS_UP = `
  mkfifo /root/asked /root/go
  printf '#!/bin/sh\nset -e\necho now >/root/asked\nread -r go </root/go\n' >/usr/bin/chpasswd
  printf 'IFS=: read -r user word\nprintf "%%s\\\\n" "$word" "$word" | busybox passwd -a sha512 "$user"\n' >>/usr/bin/chpasswd
  chmod 755 /usr/bin/chpasswd`;

describe.skipIf(noEngine)(`a tenant of a container asks for new access${whySkipped}`, () => {
  let world: World<DockerBackend>;
  let stall: Stall;

  beforeAll(async () => {
    await buildImage();
    world = await openWorld(dockerBackend, 100_000);
    stall = world.market.stall('docker');
  }, 300_000);
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
    await expectOrder(world, [lease]);
    const door = market.details(lease.contract);
    if (door === undefined) throw new Error('handed over without details');
    const greeting = `${machineName(lease.contract)}\n`;
    await login(door, lease.privateKey, LET_PASSWORDS_IN);

    const fresh = makeKey('tenant@new-laptop');
    market.core.admin.rotateKey(lease.contract, fresh.publicKey);
    market.core.admin.resetPassword(lease.contract);
    const row = market.row(lease.contract);
    await pulse.until(
      'both requests to be served',
      () => row.rotationKey === undefined && row.resetRequestedAt === undefined,
      () => host.lately,
    );

    expect(await login(door, fresh.privateKey, 'hostname')).toBe(greeting);
    await expect(login(door, lease.privateKey, 'hostname')).rejects.toThrow(/authentication/i);
    const [password] = sent;
    if (password === undefined) throw new Error('no password was sent');
    expect(await loginWithPassword(door, password, 'hostname')).toBe(greeting);
    await expect(loginWithPassword(door, `${password}x`, 'hostname')).rejects.toThrow(/authentication/i);
    expect(await filesBelow(host.stateDir)).not.toContain(password);
    expect(host.said).not.toContain(password);
    expect(JSON.stringify(await lookUp(door.externalId))).not.toContain(password);
    // The machine is the one that was handed over: nothing was made anew for it.
    expect((await world.backend.machines()).map(({ id }) => id)).toEqual([door.externalId]);
    market.core.admin.cancel(lease.contract);
    await expectOrder(world, [lease]);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('a tenant whose key is known gets a sealed password: its clear text is in the machine and nowhere else', async () => {
    const { market, pulse, backend } = world;
    market.core.quirks.passwordResetListFails = false;
    const exchanged: string[] = [];
    const sent: string[] = [];
    const stopListening = market.core.onExchange((exchange) => {
      const { request } = exchange;
      exchanged.push(JSON.stringify(exchange));
      if (request.path.endsWith('/password')) sent.push(JSON.parse(request.body).newPassword);
    });
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const tenantKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    const host = await world.host(stall);
    const keyFile = join(host.stateDir, '..', 'tenant.pem');
    await writeFile(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const lease = market.rent(stall.offering, { settings: { tenant_pubkey: tenantKey } });
    const { contract } = lease;
    host.run();
    await expectOrder(world, [lease]);
    const door = market.details(contract);
    if (door === undefined) throw new Error('handed over without details');
    await login(door, lease.privateKey, HOLD_PASSWORDS_UP);

    // In one session, because a server that reads its settings anew may turn the next caller away.
    const look = 'cat /root/asked; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ';
    const held = login(door, lease.privateKey, `${LET_PASSWORDS_IN}\n${look}`);
    market.core.admin.resetPassword(contract);
    const inside = await held;
    const meanwhile = await processes();
    await login(door, lease.privateKey, 'echo go >/root/go');
    const row = market.row(contract);
    await pulse.until(
      'the reset to be served',
      () => row.resetRequestedAt === undefined,
      () => host.lately,
    );

    const envelope = (await host.dc('credential', contract)).out.trim();
    expect(sent).toEqual([envelope]);
    expect(JSON.parse(envelope)).toMatchObject({ version: 2, aad: Buffer.from(contract, 'hex').toString('base64') });
    const file = join(host.stateDir, '..', 'envelope.json');
    await writeFile(file, envelope);
    const opened = await host.dc('dev', 'open-credential', file, '--key', keyFile, '--contract', contract);
    expect(opened.code).toBe(0);
    const password = opened.out;
    expect(await loginWithPassword(door, password, 'hostname')).toBe(`${machineName(contract)}\n`);
    await expect(loginWithPassword(door, envelope, 'hostname')).rejects.toThrow(/authentication/i);

    // Each place would have shown it: what was certainly there was seen.
    const places: Readonly<Record<string, readonly [text: string, certainly: string]>> = {
      'the processes of the machine': [inside, 'chpasswd'],
      'the processes of the host': [meanwhile, host.config],
      'the state directory': [await filesBelow(host.stateDir), tenantKey],
      'the log': [host.said, 'step done'],
      'what the platform was told': [exchanged.join('\n'), 'newPassword'],
      'what the engine shows': [JSON.stringify(await lookUp(door.externalId)), door.externalId],
      status: [(await host.dc('status')).out, contract.slice(0, 8)],
      'status --json': [(await host.dc('status', '--json')).out, contract],
      explain: [(await host.dc('explain', contract)).out, 'reset'],
      'explain --json': [(await host.dc('explain', contract, '--json')).out, 'reset'],
    };
    for (const [place, [text, certainly]] of Object.entries(places)) {
      expect({ place, seen: text.includes(certainly) }).toEqual({ place, seen: true });
      const found = spellings(password).filter((spelling) => text.includes(spelling));
      expect({ place, found }).toEqual({ place, found: [] });
    }
    stopListening();
    expect((await backend.machines()).filter((one) => one.contract === contract)).toHaveLength(1);
    market.core.admin.cancel(contract);
    await expectOrder(world, [lease]);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('a pause keeps address, host key, keys and disk, is silent and said so; what was seen is provable', async () => {
    const { market, pulse, backend } = world;
    const host = await world.host(stall, { healthSeconds: 1 });
    const lease = market.rent(stall.offering);
    host.run();
    await expectOrder(world, [lease]);
    const { contract, privateKey } = lease;
    const told = market.row(contract).details;
    const door = market.details(contract);
    if (door === undefined) throw new Error('handed over without details');
    const reports = (): readonly string[] => (market.core.state.health.get(contract) ?? []).map(({ status }) => status);
    const isRunning = async () => (await backend.machines()).find(({ id }) => id === door.externalId)?.running;
    const phase = async () => JSON.parse((await host.dc('uptime', contract, '--json')).out).state;
    const hostKey = await login(door, privateKey, 'echo kept >/root/kept; cat /etc/ssh/ssh_host_ed25519_key.pub');
    await pulse.until('a good report', () => reports().includes('healthy'));

    market.core.admin.pause(contract);
    await pulse.until('the machine off', async () => (await isRunning()) === false);
    await pulse.until('the pause in the log', async () => (await phase()) === 'paused');
    const silent = reports().length;
    const beats = host.said.length;
    await pulse.until('a few more cycles', () => host.said.slice(beats).split('reconcile').length > 3);
    expect(reports()).toHaveLength(silent);

    market.core.admin.resume(contract);
    await pulse.until('a good report again', () => reports().slice(silent).includes('healthy'));
    await expectOrder(world, [lease]);
    expect(market.row(contract).details).toBe(told);
    expect(await login(door, privateKey, 'cat /root/kept /etc/ssh/ssh_host_ed25519_key.pub')).toBe(`kept\n${hostKey}`);
    expect(new Set(reports().slice(0, silent))).toEqual(new Set(['healthy']));

    const file = join(host.stateDir, 'shown.uptime');
    expect((await host.dc('uptime', 'export', contract, '--out', file)).code).toBe(0);
    const { code, out } = await host.dc('uptime', 'verify', file, '--agent-key', host.agent, '--json');
    expect([0, 4]).toContain(code);
    expect(JSON.parse(out)).toMatchObject({ contract });
    expect(await readFile(file, 'utf8')).toMatch(/^\d+ paused$/m);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^(\d+) paused$/m, '$1 up 3'));
    expect((await host.dc('uptime', 'verify', file, '--agent-key', host.agent)).code).toBe(1);
    market.core.admin.cancel(contract);
    await expectOrder(world, [lease]);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('an offering with a script is served, and one whose script fails is refunded and leaves nothing', async () => {
    const { market } = world;
    const { pool } = stall;
    const sell = (post_provision_script: string) =>
      market.core.admin.offering(market.provider, {
        provisioner_type: 'docker',
        agent_pool_id: pool.id,
        post_provision_script,
      });
    const host = await world.host(stall);
    const good = market.rent(sell('echo "$DC_CONTRACT_ID" >/root/contract'));
    const bad = market.rent(sell('echo planted-output; exit 9'));
    host.run();
    await expectOrder(world, [good, bad]);
    expect(market.row(good.contract).status).toBe('active');
    expect(market.row(bad.contract).status).toBe('provisioningfailed');
    const door = market.details(good.contract);
    if (door === undefined) throw new Error('handed over without details');
    expect(await login(door, good.privateKey, 'cat /root/contract')).toBe(`${good.contract}\n`);
    expect(market.row(good.contract).details).toContain('The deployment ended well');
    expect(market.row(bad.contract).failureReason).toBe('The deployment failed (exit 9).');
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });
});
