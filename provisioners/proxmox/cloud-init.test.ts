import { afterEach, expect, it } from 'vitest';
import { guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { memoryGuests } from '../../simulators/proxmox/guests/memory.ts';
import type { Guest, GuestDriver } from '../../simulators/proxmox/state.ts';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { CLOUD_INIT_STATUS } from '../../src/provisioner/index.ts';
import { openStage, type Stage } from './fixtures.ts';

const KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${'I'.repeat(44)}\n`;

let stage: Stage;
afterEach(() => stage.close());

/** A machine that was just made, and what is in it. */
async function made(more: Partial<Parameters<typeof openStage>[0]> = {}) {
  let inside: Guest | undefined;
  const driver: GuestDriver = {
    ...memoryGuests,
    async started(guest, documents) {
      await memoryGuests.started(guest, documents);
      inside = guest;
      // Where `create` learnt nothing from inside, nobody asks again.
      guestDisk(guest).files.set('/etc/ssh/ssh_host_ed25519_key.pub', KEY);
    },
  };
  stage = openStage({ driver, personality: '9.1', ...more });
  stage.grant(`/pool/${stage.pool}`, 'VM.GuestAgent.FileRead');
  const order = stage.order();
  const instance = await stage.provisioner.create(order, operation(order.stamp));
  if (inside === undefined) throw new Error('no machine was started');
  const { files } = guestDisk(inside);
  const reads = () => stage.core.calls.filter((call) => call.endsWith('/file-read')).length;
  return { files, guest: inside, reads, look: () => stage.provisioner.cloudInit(refOf(instance), context()) };
}

it('cloud-init’s end is read inside a machine, in one call', async () => {
  const { look, files, reads } = await made();
  const before = reads();
  expect(await look()).toEqual({ state: 'done' });
  expect(reads()).toBe(before + 1);
  files.set(CLOUD_INIT_STATUS, '{"v1":{"init":{"finished":9.1},"stage":"modules-config"}}');
  expect(await look()).toEqual({ state: 'running' });
  files.set(CLOUD_INIT_STATUS, '{"v1":{"init":{"errors":["no key"],"finished":9},"modules-final":{"finished":9}}}');
  expect(await look()).toEqual({ state: 'failed', why: 'init: no key' });
  files.delete(CLOUD_INIT_STATUS);
  expect(await look()).toEqual({ state: 'none' });
});

it('a machine that does not tell holds nobody up', async () => {
  const { look, guest } = await made();
  guest.guest.agent = false;
  expect(await look()).toEqual({ state: 'unknown' });
});

it('nobody looks into a machine that is not the contract’s', async () => {
  const { look, guest, reads } = await made();
  const before = reads();
  guest.config.set('description', 'somebody else’s');
  await expect(look()).rejects.toMatchObject({ kind: 'not-ours' });
  expect(reads()).toBe(before);
});
