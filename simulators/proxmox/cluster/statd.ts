import type { Cancel } from '../../../src/ports/clock.ts';
import type { Pve } from '../call.ts';
import { trafficOf, uptimeOf } from '../qemu/running.ts';
import type { Guest } from '../state.ts';

/** Every node's pvestatd: tells the cluster at each round what its machines do. Without a round's length there are no timers. */
export function startStatd(pve: Pve): Cancel {
  const { statdMs } = pve.timings;
  if (statdMs <= 0) return () => {};
  let cancel: Cancel = () => {};
  const turn = (): void => {
    statdRound(pve);
    cancel = pve.clock.after(statdMs, turn);
  };
  turn();
  return () => cancel();
}

/** One round. What no longer exists stays as it was last seen: an id that is given out anew shows the old machine at first. */
export function statdRound(pve: Pve): void {
  const { cluster } = pve;
  for (const guest of cluster.guests.values()) {
    if (cluster.nodes.get(guest.node)?.online) tell(pve, guest);
  }
}

function tell(pve: Pve, guest: Guest): void {
  const { vmid, status, template, config } = guest;
  const traffic = trafficOf(pve, guest);
  pve.cluster.seen.set(vmid, {
    at: pve.clock.now(),
    status,
    template,
    name: config.get('name') ?? `VM ${vmid}`,
    uptime: uptimeOf(pve, guest),
    netin: traffic.in,
    netout: traffic.out,
  });
}
