import type { PlannedMachine } from './plan.ts';

export type Protocol = 'tcp' | 'udp';

/** One public port and where it leads inside the machine. */
export interface Forward {
  readonly protocol: Protocol;
  readonly publicPort: number;
  readonly port: number;
}

const TCP_PORTS = 4;
const INNER_BASE = 10_000;

/** The port map that the platform's web pages show to tenants: SSH, then TCP 10001 to 10004, then UDP 10005 and up. */
export function forwardsOf(machine: Pick<PlannedMachine, 'firstPort' | 'portCount' | 'sshPort'>): Forward[] {
  return Array.from({ length: machine.portCount }, (_, offset): Forward => {
    const publicPort = machine.firstPort + offset;
    if (offset === 0) return { protocol: 'tcp', publicPort, port: machine.sshPort };
    return { protocol: offset <= TCP_PORTS ? 'tcp' : 'udp', publicPort, port: INNER_BASE + offset };
  });
}
