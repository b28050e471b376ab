import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { login, tenantKey } from '../sandbox/ssh-login.ts';
import { createCaller } from './caller.ts';
import { type DevHetzner, startDevHetzner } from './dev.ts';

describe('a server in the simulator', () => {
  test('answers at its address once it has booted, and lets in whom order and user data name', () => {
    const { addressOf, core, clock, call, order, get } = createCaller();
    const [named, inside] = [tenantKey().public, tenantKey().public];
    call('POST', '/ssh_keys', { name: 'mine', public_key: named });
    const id = order({ ssh_keys: ['mine'], user_data: `#cloud-config\nssh_authorized_keys:\n  - ${inside}\n` });
    const address = addressOf(id);
    clock.advance(11_000);
    expect(core.guestAt(address)?.ready).toBe(false);
    clock.advance(12_000);
    expect(core.guestAt(address)).toMatchObject({ ready: true, authorizedKeys: [named, inside], uptimeMs: 12_000 });
    expect(core.guestAt(`${get(id).public_net?.ipv6?.ip}`.replace('::/64', '::1'))?.server.id).toBe(id);
    core.admin.powerOff(id);
    expect(core.guestAt(address)?.ready).toBe(false);
    core.admin.lose(id);
    expect(core.guestAt(address)).toBeUndefined();
  });

  test('made from a snapshot lets in whom the first one did, and keeps its host key only when told to', () => {
    const { addressOf, core, clock, call, running } = createCaller();
    const first = running({ user_data: '#cloud-config\nssh_authorized_keys:\n  - x\n' });
    const { json } = call('POST', `/servers/${first}/actions/create_image`, {});
    clock.advance(60_000);
    const image = `${json.image?.id}`;
    const again = running({ image, user_data: '#cloud-config\nssh_authorized_keys:\n  - y\nssh_deletekeys: false\n' });
    const other = running({ image });
    const [one, two, three] = [first, again, other].map((id) => core.guestAt(addressOf(id)));
    expect([two?.authorizedKeys, three?.authorizedKeys]).toEqual([['x', 'y'], ['x']]);
    expect(two?.hostKeyFingerprint).toBe(one?.hostKeyFingerprint);
    expect(three?.hostKeyFingerprint).not.toBe(one?.hostKeyFingerprint);
  });

  test('in the rescue system lets in its keys alone', () => {
    const { addressOf, core, clock, call, running } = createCaller();
    const { json } = call('POST', '/ssh_keys', { name: 'mine', public_key: tenantKey().public });
    const id = running({ user_data: '#cloud-config\nssh_authorized_keys:\n  - x\n' });
    call('POST', `/servers/${id}/actions/enable_rescue`, { ssh_keys: [json.ssh_key?.id] });
    clock.advance(400);
    call('POST', `/servers/${id}/actions/reset`);
    clock.advance(60_000);
    const guest = core.guestAt(addressOf(id));
    expect(guest?.authorizedKeys).toEqual([json.ssh_key?.public_key]);
  });
});

describe.skipIf(process.platform !== 'linux')('over real SSH (Linux: the whole of 127/8 is ours)', () => {
  let dev: DevHetzner;
  let port: number;
  const problems: string[] = [];
  beforeEach(async () => {
    problems.length = 0;
    port = await freePort();
    dev = await startDevHetzner({ sshPort: port, options: { speed: 1_000 }, onProblem: (text) => problems.push(text) });
  });
  afterEach(() => dev.close());

  /** Orders a server through the API and waits until its guest answers. */
  async function booted(given: object): Promise<{ host: string; id: number }> {
    const { body } = await request(`${dev.endpoint}/servers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${dev.token}` },
      body: JSON.stringify({ name: 'one', server_type: 'cx23', image: 'debian-13', ...given }),
    });
    const { server } = (await body.json()) as { server: { id: number; public_net: { ipv4: { ip: string } } } };
    const host = server.public_net.ipv4.ip;
    while (!dev.core.guestAt(host)?.ready) await new Promise((resolve) => setTimeout(resolve, 5));
    return { host, id: server.id };
  }

  test('the tenant gets in by key, meets the ordered host key, and nobody else does', async () => {
    const [tenant, host] = [tenantKey(), tenantKey()];
    const document = {
      ssh_authorized_keys: [tenant.public],
      ssh_keys: { ed25519_private: host.private, ed25519_public: host.public },
    };
    const guest = await booted({ user_data: `#cloud-config\n${JSON.stringify(document)}` });
    expect(guest.host).toMatch(/^127\.77\./);
    const session = await login(port, { host: guest.host, privateKey: tenant.private });
    expect(await session.run('hostname')).toMatchObject({ stdout: 'one\n', code: 0 });
    expect(session.hostKey).toBe(host.public.split(' ')[1]);
    const print = createHash('sha256').update(Buffer.from(session.hostKey, 'base64')).digest('base64');
    expect(dev.core.guestAt(guest.host)?.hostKeyFingerprint).toBe(`SHA256:${print.replace(/=+$/, '')}`);
    session.end();
    await expect(login(port, { host: guest.host, privateKey: tenantKey().private })).rejects.toThrow(/auth/i);
    expect(problems).toEqual([]);
  });

  test('a host key that cannot be read is told, and the guest has another', async () => {
    const tenant = tenantKey();
    const broken = { ssh_authorized_keys: [tenant.public], ssh_keys: { ed25519_private: 'x', ed25519_public: 'x' } };
    const guest = await booted({ user_data: `#cloud-config\n${JSON.stringify(broken)}` });
    (await login(port, { host: guest.host, privateKey: tenant.private })).end();
    expect(problems).toEqual([expect.stringContaining('cannot be read')]);
  });

  test('the password of the answer works where no key was named', async () => {
    const guest = await booted({});
    const password = dev.core.project.servers.get(guest.id)?.rootPassword ?? '';
    const session = await login(port, { host: guest.host, password });
    expect(await session.run('nproc')).toMatchObject({ stdout: '2\n' });
    const again = await login(port, { host: guest.host, password });
    expect(again.hostKey).toBe(session.hostKey);
    session.end();
    again.end();
    dev.core.admin.powerOff(guest.id);
    await expect(login(port, { host: guest.host, password })).rejects.toThrow();
    dev.core.admin.lose(guest.id);
    await expect(login(port, { host: guest.host, password })).rejects.toThrow('ECONNREFUSED');
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
