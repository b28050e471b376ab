import { join } from 'node:path';
import type { AgentDeps } from '../agent/index.ts';
import type { Config } from '../config/types.ts';
import { openGateway, zoneOf } from '../gateway/open.ts';
import { systemDisk } from '../ports/system-disk.ts';

/** The gateway as configured, for the daemon; nothing where there is no `[gateway]`. Talks to nobody yet. */
export function gatewayDeps({ gateway }: Config): Pick<AgentDeps, 'gateway'> {
  if (gateway === undefined) return {};
  const { dcId, dns, monthlyAllowanceBytes, policy, targets, throttleMbit } = gateway;
  const port = openGateway(gateway);
  const zone = zoneOf(gateway);
  return {
    gateway: {
      // The name is for SSH too, so it does not hang on a web server.
      port: { ...port, nameOf: ({ slug }) => (dns === 'none' ? undefined : `${slug}.${zone}`) },
      policy,
      dns,
      dcId,
      range: { first: gateway.portRangeStart, last: gateway.portRangeEnd, perMachine: gateway.portsPerVm },
      network: gateway.tenantNetwork,
      ...(monthlyAllowanceBytes === undefined ? {} : { monthlyAllowanceBytes }),
      allowanceAction: throttleMbit === undefined ? 'notify' : 'throttle',
      serves: (target) => targets?.includes(target) ?? true,
    },
  };
}

/** Where traffic totals outlast the daemon. */
export function trafficStore(stateDir: string): NonNullable<AgentDeps['trafficStore']> {
  const path = join(stateDir, 'traffic.json');
  return { read: () => systemDisk.read(path), replace: (bytes) => systemDisk.replace(path, bytes) };
}
