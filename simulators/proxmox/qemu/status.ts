import type { Endpoint, Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { inForce } from './config-view.ts';
import { guestOf, VM_PATH } from './machine.ts';
import { agentEnabled, trafficOf, uptimeOf } from './running.ts';
import { parseSize } from './sizes.ts';
import { drivesOf, isCdrom } from './volumes.ts';

/** Pressure stall figures, which 9.1 has of every machine that runs. */
const PRESSURE = Object.fromEntries(
  ['cpu', 'io', 'memory'].flatMap((kind) => [
    [`pressure${kind}some`, 0],
    [`pressure${kind}full`, 0],
  ]),
);

/** The list of a node's machines, and the state of one. */
export const statusEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/qemu',
    params: { node: VM_PATH.node, full: { type: 'boolean', optional: true } },
    permission: 'all',
    protected: true,
    handle({ pve, params, may }) {
      const here = [...pve.cluster.guests.values()].filter(({ node }) => node === params.text('node'));
      return here.filter(({ vmid }) => may(`/vms/${vmid}`, 'VM.Audit')).map((guest) => summary(pve, guest));
    },
  },
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/status/current',
    params: VM_PATH,
    permission: ['perm', '/vms/{vmid}', ['VM.Audit']],
    protected: true,
    handle(call) {
      const guest = guestOf(call);
      const { pve } = call;
      const traffic = trafficOf(pve, guest);
      const nics = { [`tap${guest.vmid}i0`]: { netin: traffic.in, netout: traffic.out } };
      return {
        ...summary(pve, guest),
        ha: { managed: 0 },
        clipboard: null,
        qmpstatus: guest.paused ? 'paused' : guest.status,
        ...(agentEnabled(guest) ? { agent: 1 } : {}),
        ...(guest.status === 'running' && inForce(guest).has('net0') ? { nics } : {}),
        ...(guest.status === 'running' && pve.personality === '9.1' ? PRESSURE : {}),
      };
    },
  },
];

/** Bytes of memory as configured; a machine without the option has 512 MiB. */
export function memoryOf(config: ReadonlyMap<string, string>): number {
  return Number((config.get('memory') ?? '512').replace(/^current=/, '')) * 2 ** 20;
}

export function coresOf(config: ReadonlyMap<string, string>): number {
  return Number(config.get('cores') ?? 1) * Number(config.get('sockets') ?? 1);
}

/** The size of the disk it boots from, as its configuration says. */
export function diskOf(config: ReadonlyMap<string, string>): number {
  const first = /(?:^order=)?([a-z]+\d+)/.exec(config.get('boot') ?? '')?.[1];
  const disks = drivesOf(config).filter(([, drive]) => !isCdrom(drive));
  const drive = (disks.find(([name]) => name === first) ?? disks[0])?.[1];
  return parseSize(drive?.get('size') ?? '0');
}

function summary(pve: Pve, guest: Guest): Record<string, unknown> {
  const config = inForce(guest);
  const running = guest.status === 'running';
  const traffic = trafficOf(pve, guest);
  const name = guest.config.get('name');
  const tags = guest.config.get('tags');
  const serial = [...config.keys()].some((key) => /^serial\d+$/.test(key));
  return {
    vmid: guest.vmid,
    name: name ?? `VM ${guest.vmid}`,
    status: guest.status,
    ...(tags === undefined ? {} : { tags }),
    ...(guest.template ? { template: 1 } : {}),
    ...(guest.lock === undefined ? {} : { lock: guest.lock }),
    ...(guest.pid === undefined ? {} : { pid: guest.pid }),
    ...(serial ? { serial: 1 } : {}),
    cpus: coresOf(config),
    cpu: running ? 0.02 : 0,
    mem: running ? Math.round(memoryOf(config) / 4) : 0,
    ...(pve.personality === '9.1' ? { memhost: running ? Math.round(memoryOf(config) / 3) : 0 } : {}),
    maxmem: memoryOf(config),
    disk: 0,
    maxdisk: diskOf(config),
    uptime: uptimeOf(pve, guest),
    netin: traffic.in,
    netout: traffic.out,
  };
}
