import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, createBench } from '../test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => bench.core.close());

const HOUR_MS = 3_600_000;

describe('who asks', () => {
  it('is known by a ticket for two hours', async () => {
    const { json } = await bench.call(
      'POST',
      '/access/ticket',
      { username: bench.root.user, password: bench.root.password },
      'nobody',
    );
    const { ticket, CSRFPreventionToken } = json.data as { ticket: string; CSRFPreventionToken: string };
    const headers = { cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`, csrfpreventiontoken: CSRFPreventionToken };
    expect((await bench.call('POST', '/pools', { poolid: 'one' }, headers)).status).toBe(200);
    bench.clock.advance(HOUR_MS);
    expect((await bench.call('GET', '/version', {}, headers)).status).toBe(200);
    bench.clock.advance(HOUR_MS);
    expect((await bench.call('GET', '/version', {}, headers)).statusText).toBe('Authentication failed!');
    // An old cookie is no obstacle to a new login.
    const login = { username: bench.root.user, password: bench.root.password };
    expect((await bench.call('POST', '/access/ticket', login, headers)).status).toBe(200);
  });

  it('waits three seconds for a refusal, whatever was wrong', async () => {
    for (const who of ['nobody', { authorization: 'PVEAPIToken=a@pve!b=c' }] as const) {
      const start = bench.clock.now();
      expect((await bench.call('GET', '/version', {}, who)).status).toBe(401);
      expect(bench.clock.now() - start).toBeGreaterThanOrEqual(3_000);
    }
  });

  it('is nobody any more once token or user have expired', async () => {
    const path = '/access/users/dc-agent%40pve';
    const soon = Math.floor(bench.clock.now() / 1000) + 60;
    await bench.call('PUT', path, { expire: soon }, 'root');
    expect((await bench.call('GET', '/version')).status).toBe(200);
    bench.clock.advance(61_000);
    expect((await bench.call('GET', '/version')).status).toBe(401);
    await bench.call('PUT', path, { expire: 0 }, 'root');
    expect((await bench.call('GET', '/version')).status).toBe(200);
  });

  it('cannot log in or change a password with a token', async () => {
    const change = { userid: 'dc-agent@pve', password: 'a-new-password' };
    expect((await bench.call('PUT', '/access/password', change)).status).toBe(403);
    expect((await bench.call('PUT', '/access/password', change, 'root')).status).toBe(200);
    const login = { username: 'dc-agent@pve', password: 'a-new-password' };
    expect((await bench.call('POST', '/access/ticket', login, 'nobody')).status).toBe(200);
  });

  it('may give a password only where the login of root or the user himself would', async () => {
    const refused = await bench.call('POST', '/access/users', { userid: 'other@pve' });
    expect(refused.statusText).toBe('Permission check failed (/access/realm/pve, Realm.AllocateUser)');
  });
});

describe('what one may', () => {
  const grant = (path: string, role: string, propagate = true): Promise<unknown> =>
    bench.call('PUT', '/access/acl', { path, roles: role, users: 'dc-agent@pve', propagate }, 'root');
  const user = { user: 'dc-agent@pve' };

  it('comes from the nearest place that names him, and goes on below unless it must not', async () => {
    const may = (path: string, privilege: string): boolean => bench.core.pve.may(user, path, privilege);
    await grant('/', 'PVEAuditor');
    expect([may('/vms/5', 'VM.Audit'), may('/nodes/pve', 'Sys.Audit')]).toEqual([true, true]);
    await grant('/nodes', 'NoAccess');
    expect(may('/nodes/pve', 'Sys.Audit')).toBe(false);
    await grant('/vms', 'PVEVMAdmin', false);
    expect([may('/vms', 'VM.Allocate'), may('/vms/5', 'VM.Allocate')]).toEqual([true, false]);
    expect(may('/vms/5', 'VM.Audit')).toBe(true);
  });

  it('of a pool, one may with its machines and storages too, but hand it on to nobody', async () => {
    const { json } = await bench.call('GET', '/access/permissions');
    const granted = json.data as Record<string, Record<string, number>>;
    expect(granted[`/pool/${bench.pool}`]?.['VM.Clone']).toBe(1);
    expect(granted[`/vms/${bench.template}`]?.['VM.Clone']).toBe(0);
    await bench.call('PUT', '/pools', { poolid: bench.pool, storage: 'local' }, 'root');
    expect(bench.core.pve.may(user, '/storage/local', 'Datastore.Audit')).toBe(true);
    await bench.call('PUT', '/pools', { poolid: bench.pool, vms: String(bench.template), delete: true }, 'root');
    expect(bench.core.pve.may(user, `/vms/${bench.template}`, 'VM.Clone')).toBe(false);
  });

  it('with a token is what both the token and its user may', async () => {
    const token = { user: 'dc-agent@pve', token: 'agent' };
    await grant('/nodes', 'PVEAuditor');
    expect(bench.core.pve.may(user, '/nodes/pve', 'Sys.Audit')).toBe(true);
    expect(bench.core.pve.may(token, '/nodes/pve', 'Sys.Audit')).toBe(false);
    await bench.call('PUT', '/access/users/dc-agent%40pve/token/agent', { privsep: false }, 'root');
    expect(bench.core.pve.may(token, '/nodes/pve', 'Sys.Audit')).toBe(true);
  });

  it('of built-in roles nobody changes', async () => {
    const { statusText } = await bench.call('PUT', '/access/roles/PVEVMUser', { privs: 'VM.Audit' }, 'root');
    expect(statusText).toBe("auto-generated role 'PVEVMUser' cannot be modified");
  });

  it('grows when privileges are appended to a role', async () => {
    await bench.call('PUT', `/access/roles/${bench.role}`, { privs: 'VM.Console', append: true }, 'root');
    expect(bench.core.cluster.roles.get(bench.role)?.has('VM.Clone')).toBe(true);
    expect(bench.core.pve.may(user, `/vms/${bench.template}`, 'VM.Console')).toBe(true);
  });
});
