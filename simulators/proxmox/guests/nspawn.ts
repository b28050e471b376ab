import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ipConfig } from '../qemu/cloud-init.ts';
import { parseNet } from '../qemu/options/net.ts';
import type { CloudInitData, Guest, GuestDriver } from '../state.ts';
import { type MachineTool, machineTool } from './machine-tool.ts';

export interface NspawnOptions {
  /** The path of scripts/machine. */
  readonly script: string;
  /** Disks of machines are here, in a folder for each VMID. */
  readonly directory: string;
}

/**
 * Machines whose inside is a Debian system that systemd boots: its cloud-init reads what a real machine would find on its
 * drive, and its SSH server lets in who may. `guest.guest.ssh` and the address that DHCP gave are set when `started` resolves.
 * Needs root, and a host on which scripts/machine works.
 */
export function nspawnGuests({ script, directory }: NspawnOptions): GuestDriver {
  const tool = machineTool(script);
  const inTurn = turns();
  const disks = new Set<number>();
  const diskOf = (vmid: number): string => join(directory, String(vmid));
  const remove = async (vmid: number): Promise<void> => {
    await tool.down(diskOf(vmid), 'remove');
    disks.delete(vmid);
  };
  return {
    started: (guest, cloudInit) =>
      inTurn(guest.vmid, async () => {
        disks.add(guest.vmid);
        // Without a cloud-init drive its documents are empty.
        const seed = cloudInit.user === '' ? {} : { seed: await writeSeed(`${diskOf(guest.vmid)}.seed`, cloudInit) };
        await powerOn(tool, diskOf(guest.vmid), seed, guest);
      }),
    stopped: ({ vmid }) => inTurn(vmid, () => tool.down(diskOf(vmid), 'keep disk')),
    destroyed: ({ vmid }) => inTurn(vmid, () => remove(vmid)),
    exec: ({ vmid, guest }, command, input) => {
      // As the host says it when nobody answers on the agent's channel.
      if (!guest.agent) throw new Error('QEMU guest agent is not running');
      return tool.exec(diskOf(vmid), command, input);
    },
    async close() {
      await Promise.all([...disks].map((vmid) => inTurn(vmid, () => remove(vmid))));
    },
  };
}

async function powerOn(tool: MachineTool, disk: string, seed: { seed?: string }, machine: Guest): Promise<void> {
  const { config, guest, vmid } = machine;
  const ip = ipConfig(config.get('ipconfig0'));
  const fixed = ip.get('ip')?.split('/', 1)[0];
  const gateway = ip.get('gw');
  const mac = parseNet(config.get('net0') ?? '').get('macaddr');
  const isFixed = fixed !== undefined && fixed !== 'dhcp';
  const lease = isFixed ? fixed : guest.addresses.ipv4;
  const address = await tool.up(disk, {
    hostname: `vm-${vmid}`,
    ...seed,
    ...(lease === undefined ? {} : { address: lease }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(mac === undefined ? {} : { mac }),
  });
  if (!isFixed) guest.addresses.ipv4 = address;
  guest.ssh = { host: address, port: 22 };
}

async function writeSeed(folder: string, { user, meta, network }: CloudInitData): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'user-data'), user, { mode: 0o600 });
  await writeFile(join(folder, 'meta-data'), meta);
  await writeFile(join(folder, 'network-config'), network);
  return folder;
}

/** What concerns one machine happens one after the other, also when what went before has failed. */
function turns(): <T>(vmid: number, work: () => Promise<T>) => Promise<T> {
  const last = new Map<number, Promise<unknown>>();
  return (vmid, work) => {
    const turn = (last.get(vmid) ?? Promise.resolve()).then(work, work);
    last.set(vmid, turn);
    return turn;
  };
}
