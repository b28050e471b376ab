import { afterEach, describe, expect, it } from 'vitest';
import { authorizedKeys, ensureUser, guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { memoryGuests } from '../../simulators/proxmox/guests/memory.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { OwnedRef } from '../../src/provisioner/index.ts';
import { openStage, PASSWORD, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

const NEW = [
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOne11111111111111111111111111111111111111111',
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABTwo=',
];

async function made(personality: '8.4' | '9.1', settings: Record<string, unknown> = {}) {
  stage = openStage({ personality, driver: memoryGuests, settings });
  const order = stage.order();
  const instance = await stage.provisioner.create(order, operation(order.stamp));
  const guest = stage.core.cluster.guests.get(Number(instance.externalId));
  if (guest === undefined) throw new Error('no machine');
  const ref: OwnedRef = { stamp: order.stamp, externalId: instance.externalId, handles: {} };
  return { order, guest, ref, disk: guestDisk(guest) };
}

const FILES = ['VM.GuestAgent.FileRead', 'VM.GuestAgent.FileWrite'];

describe('keys', () => {
  it.each(['8.4', '9.1'] as const)(
    'on %s are exactly the new ones, in the machine and on its drive',
    async (personality) => {
      const { ref, guest, disk } = await made(personality);
      if (personality === '9.1') stage.grant(`/pool/${stage.pool}`, ...FILES);
      disk.files.set('/root/.ssh/authorized_keys2', 'ssh-rsa AAAAold\n');
      for (const attempt of [1, 2]) {
        await stage.provisioner.setKeys(ref, NEW, operation(ref.stamp, { attempt }));
        expect(authorizedKeys(disk, 'root')).toEqual(NEW);
      }
      expect(decodeURIComponent(guest.config.get('sshkeys') ?? '').trim()).toBe(NEW.join('\n'));
      expect(stage.core.calls.some((call) => call.includes('/agent/exec'))).toBe(false);
    },
  );

  it('stay the new ones after a restart, and host keys stay too', async () => {
    const { ref, disk } = await made('8.4');
    const hostKeys = [...disk.files].filter(([path]) => path.startsWith('/etc/ssh/'));
    await stage.provisioner.setKeys(ref, NEW, operation(ref.stamp));
    await stage.provisioner.stop(ref, operation(ref.stamp));
    await stage.provisioner.start(ref, operation(ref.stamp));
    expect(new Set(authorizedKeys(disk, 'root'))).toEqual(new Set(NEW));
    expect(disk.files.get('/etc/cloud/cloud.cfg.d/99-dc-agent.cfg')).toBe('ssh_deletekeys: false\n');
    expect([...disk.files].filter(([path]) => path.startsWith('/etc/ssh/'))).toEqual(hostKeys);
  });

  it('go to the login user’s own home', async () => {
    const { ref, disk } = await made('8.4', { ci_user: 'tenant' });
    await stage.provisioner.setKeys(ref, NEW, operation(ref.stamp));
    expect(authorizedKeys(disk, 'tenant')).toEqual(NEW);
    disk.files.set('/etc/passwd', 'tenant:x:1000:1000::/etc/../root:/bin/sh\n');
    await expect(stage.provisioner.setKeys(ref, NEW, operation(ref.stamp))).rejects.toMatchObject({ kind: 'retry' });
  });

  it('go to whom the machine was made for, whatever the settings say by now, and to whom its tenant was told', async () => {
    const { ref, disk, guest } = await made('8.4', { ci_user: 'tenant' });
    guest.config.set('ciuser', 'deploy');
    for (const user of ['deploy', 'other']) disk.directories.add(`${ensureUser(disk, user)}/.ssh`);
    await stage.provisioner.setKeys(ref, NEW, operation(ref.stamp));
    expect(authorizedKeys(disk, 'deploy')).toEqual(NEW);
    await stage.provisioner.setKeys({ ...ref, user: 'other' }, NEW, operation(ref.stamp));
    expect(authorizedKeys(disk, 'other')).toEqual(NEW);
  });

  it('are refused when one of them is more than a key', async () => {
    const { ref, disk } = await made('8.4');
    const before = authorizedKeys(disk, 'root');
    for (const wrong of [`${NEW[0]}\nssh-rsa AAAAevil`, 'command="x" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABTwo=', '']) {
      await expect(stage.provisioner.setKeys(ref, [wrong], operation(ref.stamp))).rejects.toMatchObject({
        kind: 'permanent',
      });
    }
    expect(authorizedKeys(disk, 'root')).toEqual(before);
  });

  it('are not called set when the machine shows others', async () => {
    const { ref } = await made('8.4');
    stage.wire.rewrite = ({ path }, answer) =>
      path.includes('file-read')
        ? { ...answer, body: JSON.stringify({ data: { content: 'ssh-rsa AAAAold\n' } }) }
        : undefined;
    await expect(stage.provisioner.setKeys(ref, NEW, operation(ref.stamp))).rejects.toMatchObject({ kind: 'retry' });
  });

  it('and passwords need rights, and the operator is told which', async () => {
    const { ref } = await made('9.1');
    for (const call of [
      () => stage.provisioner.setKeys(ref, NEW, operation(ref.stamp)),
      () => stage.provisioner.setPassword(ref, PASSWORD, operation(ref.stamp)),
    ]) {
      await expect(call()).rejects.toMatchObject({ kind: 'config', message: /VM\.GuestAgent/ });
    }
  });

  it('are never set on a machine that is not ours', async () => {
    const { ref, guest, disk } = await made('8.4');
    guest.config.set('description', 'mine now');
    const before = authorizedKeys(disk, 'root');
    await expect(stage.provisioner.setKeys(ref, NEW, operation(ref.stamp))).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(stage.provisioner.setPassword(ref, PASSWORD, operation(ref.stamp))).rejects.toMatchObject({
      kind: 'not-ours',
    });
    expect(authorizedKeys(disk, 'root')).toEqual(before);
  });
});

describe('the password', () => {
  it('is set for the login user, and is kept nowhere else', async () => {
    const { ref, disk, guest } = await made('8.4', { ci_user: 'tenant' });
    expect(await stage.provisioner.setPassword(ref, PASSWORD, operation(ref.stamp))).toEqual({ user: 'tenant' });
    expect([...disk.passwords.keys()]).toEqual(['tenant']);
    expect(stage.core.calls.filter((call) => call.includes('set-user-password'))).toHaveLength(1);
    expect(JSON.stringify([...guest.config])).not.toContain(PASSWORD.reveal());
  });

  it('is not in an error when it could not be set', async () => {
    const { ref, guest } = await made('8.4');
    stage.core.admin.silenceAgent(guest.vmid);
    const error: unknown = await stage.provisioner
      .setPassword(ref, PASSWORD, operation(ref.stamp))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'retry' });
    expect(String(error)).not.toContain(PASSWORD.reveal());
  });
});
