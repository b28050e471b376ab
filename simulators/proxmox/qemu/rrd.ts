import { died, type Endpoint } from '../call.ts';
import { guestOf, VM_PATH } from './machine.ts';
import { uptimeOf } from './running.ts';
import { coresOf, diskOf, memoryOf } from './status.ts';

/** Seconds of one row, by time frame; every answer has 70 of them. */
const STEP: Readonly<Record<string, number>> = { hour: 60, day: 1_800, week: 10_800, month: 43_200, year: 604_800 };
const ROWS = 70;

/** GET rrddata: averages in bytes per second, for display only; rows from before the machine have nothing but their time. */
export const rrdEndpoint: Endpoint = {
  method: 'GET',
  path: '/nodes/{node}/qemu/{vmid}/rrddata',
  params: {
    ...VM_PATH,
    timeframe: {
      type: 'string',
      enum: ['hour', 'day', 'week', 'month', 'year'],
    },
    cf: { type: 'string', optional: true, enum: ['AVERAGE', 'MAX'] },
  },
  permission: ['perm', '/vms/{vmid}', ['VM.Audit']],
  protected: true,
  handle(call) {
    const guest = guestOf(call);
    const { pve, params } = call;
    const age = pve.clock.now() - guest.createdAt;
    if (age < pve.timings.statdMs) {
      const file = `/var/lib/rrdcached/db/${pve.personality === '9.1' ? 'pve-vm-9.0' : 'pve2-vm'}/${guest.vmid}`;
      throw died(`RRD error: opening '${file}': No such file or directory`);
    }
    const step = STEP[params.text('timeframe')] ?? 60;
    const last = Math.floor(pve.clock.now() / 1000 / step) * step;
    return Array.from({ length: ROWS }, (_, index) => {
      const time = last - (ROWS - 1 - index) * step;
      if (time * 1000 < guest.createdAt || index === ROWS - 1) return { time };
      const up = time >= pve.clock.now() / 1000 - uptimeOf(pve, guest) && guest.status === 'running';
      return {
        time,
        maxcpu: coresOf(guest.config),
        maxmem: memoryOf(guest.config),
        maxdisk: diskOf(guest.config),
        cpu: up ? 0.02 : 0,
        mem: up ? Math.round(memoryOf(guest.config) / 4) : 0,
        disk: 0,
        netin: up ? 2 : 0,
        netout: up ? 1 : 0,
      };
    });
  },
};
