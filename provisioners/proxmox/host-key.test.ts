import { afterEach, describe, expect, it } from 'vitest';
import { guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { memoryGuests } from '../../simulators/proxmox/guests/memory.ts';
import type { GuestDriver } from '../../simulators/proxmox/state.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import { openStage, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

const KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${'I'.repeat(44)}`;
const FILE = '/etc/ssh/ssh_host_ed25519_key.pub';
const STATUS = '/run/cloud-init/status.json';

/** Machines whose cloud-init is `before` at boot, and some reads later done, with another key than the image's. */
function slowGuests(before: string, reads: number): GuestDriver {
  let left = reads;
  return {
    ...memoryGuests,
    async started(guest, documents) {
      await memoryGuests.started(guest, documents);
      guestDisk(guest).files.set(STATUS, before).set(FILE, 'ssh-ed25519 OLD image\n');
    },
    exec(guest, command, input) {
      const { files } = guestDisk(guest);
      if (left-- === 0) files.set(STATUS, '{"v1":{"init":{"finished":9.1}}}').set(FILE, `${KEY} root@new\n`);
      return memoryGuests.exec?.(guest, command, input) ?? Promise.reject(new Error('no agent'));
    },
  };
}

async function make() {
  const order = stage.order();
  return stage.provisioner.create(order, operation(order.stamp));
}

describe.each(['dhcp', { cidr: '10.9.0.0/24' }] as const)('the host key of a new machine, address %j', (address) => {
  const settings = { address };

  it('is read inside it once cloud-init has made it, and is never the image’s', async () => {
    const driver = slowGuests(
      '{"v1":{"init":{"errors":[],"finished":null,"start":3.2},"init-local":{"finished":2}}}',
      3,
    );
    stage = openStage({ settings, driver, personality: '8.4' });
    expect(await make()).toMatchObject({ hostKey: KEY });
  });

  it('is not told without the right to read files, without an agent or without cloud-init, and nobody waits long', async () => {
    stage = openStage({ settings, driver: slowGuests('{}', 0), personality: '9.1' });
    expect(await make()).not.toHaveProperty('hostKey');
    stage.grant(`/pool/${stage.pool}`, 'VM.GuestAgent.FileRead');
    const before = stage.core.calls.length;
    expect(await make()).not.toHaveProperty('hostKey');
    expect(stage.core.calls.slice(before).some((call) => call.endsWith('/file-read'))).toBe(false);
    const afresh = stage.open();
    const order = stage.order();
    expect(await afresh.create(order, operation(order.stamp))).toMatchObject({ hostKey: KEY });
  });

  it('is not told by an image without cloud-init, nor by one with nonsense', async () => {
    for (const text of [undefined, 'ssh-ed25519 short\n', 'ssh-rsa AAAA\n']) {
      await stage?.close();
      const driver = slowGuests('{}', 0);
      const own: GuestDriver = {
        ...driver,
        async started(guest, documents) {
          await driver.started(guest, documents);
          if (text === undefined) guestDisk(guest).files.delete(STATUS);
          else guestDisk(guest).files.set(STATUS, '{"v1":{"init":{"finished":9.1}}}').set(FILE, text);
        },
        exec: (guest, command, input) =>
          memoryGuests.exec?.(guest, command, input) ?? Promise.reject(new Error('none')),
      };
      stage = openStage({ settings, driver: own, personality: '8.4' });
      expect(await make()).not.toHaveProperty('hostKey');
    }
  });
});
