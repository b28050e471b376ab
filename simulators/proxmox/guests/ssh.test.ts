import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../platform/manual-clock.ts';
import { login, tenantKey } from '../../sandbox/ssh-login.ts';
import { type Bench, bench, VM } from '../qemu/test/bench.ts';
import type { GuestDriver } from '../state.ts';
import { sshGuests } from './ssh.ts';

let driver: GuestDriver | undefined;
afterEach(() => driver?.close());

const key = tenantKey();
const other = tenantKey();

/** A machine 101 that has booted, with an SSH server on this host. */
async function booted(): Promise<Bench & { port: () => number }> {
  const clock = manualClock();
  const guests = sshGuests({
    clock: { ...clock, now: () => made.clock.now() },
    bootMs: 5_000,
    onProblem: (text) => expect.fail(text),
  });
  driver = guests;
  const made = bench({ driver: guests });
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, name: 'vm101' });
  await made.call('PUT', `${VM}/101/config`, { ciuser: 'lab', sshkeys: encodeURIComponent(key.public) });
  await made.task('POST', `${VM}/101/status/start`);
  await made.pass(20_000);
  return { ...made, port: () => made.guest(101).guest.ssh?.port ?? 0 };
}

type How = Parameters<typeof login>[1];
const asTenant = (privateKey: string): How => ({ username: 'lab', privateKey });

async function expectLogin(port: number, how: How): Promise<void> {
  const session = await login(port, how);
  expect(session.hostKey).not.toBe('');
  session.end();
}

const expectNoLogin = (port: number, how: How): Promise<void> => expect(login(port, how)).rejects.toThrow();

describe('a machine with an SSH server', () => {
  it('lets in whose key was ordered, for the login user, and nobody else', async () => {
    const { port } = await booted();
    const session = await login(port(), asTenant(key.private));
    expect(await session.run('hostname')).toEqual({ stdout: 'vm101\n', stderr: '', code: 0 });
    session.end();
    await expectNoLogin(port(), asTenant(other.private));
    await expectNoLogin(port(), { username: 'root', privateKey: key.private });
  });

  it('obeys the files that the guest agent writes', async () => {
    const { port, call } = await booted();
    const file = '/home/lab/.ssh/authorized_keys';
    await call('POST', `${VM}/101/agent/file-write`, { file, content: `${other.public}\n` });
    await expectLogin(port(), asTenant(other.private));
    await expectNoLogin(port(), asTenant(key.private));
  });

  it('takes a password once there is one', async () => {
    const { port, call } = await booted();
    const byPassword = (password: string): How => ({ username: 'lab', password });
    await expectNoLogin(port(), byPassword('secret123'));
    await call('POST', `${VM}/101/agent/set-user-password`, { username: 'lab', password: 'secret123' });
    await expectLogin(port(), byPassword('secret123'));
    await expectNoLogin(port(), byPassword('secret124'));
  });

  it('takes the password of its configuration, which is a hash by then', async () => {
    const { port, call, task, pass } = await booted();
    await task('POST', `${VM}/101/status/stop`);
    await call('PUT', `${VM}/101/config`, { cipassword: 'from-the-config' });
    await task('POST', `${VM}/101/status/start`);
    await pass(20_000);
    await expectLogin(port(), { username: 'lab', password: 'from-the-config' });
  });

  it('keeps its host key over a stop, and has another one when cloud-init sees a new instance', async () => {
    const { port, call, task, pass } = await booted();
    const restart = async (): Promise<string> => {
      await task('POST', `${VM}/101/status/stop`);
      await task('POST', `${VM}/101/status/start`);
      await pass(20_000);
      const session = await login(port(), asTenant(key.private));
      session.end();
      return session.hostKey;
    };
    const first = await restart();
    const place = port();
    expect(await restart()).toBe(first);
    await call('PUT', `${VM}/101/config`, { name: 'renamed' });
    const renamed = await restart();
    expect(renamed).not.toBe(first);
    const keep = { file: '/etc/cloud/cloud.cfg.d/99-keep.cfg', content: 'ssh_deletekeys: false\n' };
    await call('POST', `${VM}/101/agent/file-write`, keep);
    await call('PUT', `${VM}/101/config`, { name: 'renamed-again' });
    expect(await restart()).toBe(renamed);
    expect(port()).toBe(place);
  });

  it('adds the keys of a new instance to those that were there, as cloud-init does', async () => {
    const { port, call, task, pass } = await booted();
    await call('PUT', `${VM}/101/config`, { sshkeys: encodeURIComponent(other.public) });
    await task('POST', `${VM}/101/status/stop`);
    await task('POST', `${VM}/101/status/start`);
    await pass(20_000);
    for (const pair of [key, other]) await expectLogin(port(), asTenant(pair.private));
  });

  it('drops connections while it boots and while it is off, and those that were open', async () => {
    const { port, task } = await booted();
    const session = await login(port(), asTenant(key.private));
    const closed = new Promise<void>((resolve) => void session.client.once('close', () => resolve()));
    await task('POST', `${VM}/101/status/stop`);
    await closed;
    await expectNoLogin(port(), asTenant(key.private));
    await task('POST', `${VM}/101/status/start`);
    await expectNoLogin(port(), asTenant(key.private));
  });

  it('gives its port back when it is destroyed', async () => {
    const { port, task, cluster } = await booted();
    const freed = port();
    await task('POST', `${VM}/101/status/stop`);
    await task('DELETE', `${VM}/101`);
    expect(cluster.guests.has(101)).toBe(false);
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(freed, '127.0.0.1', resolve));
    expect((server.address() as AddressInfo).port).toBe(freed);
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
});
