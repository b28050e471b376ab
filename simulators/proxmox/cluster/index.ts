import type { Endpoint } from '../call.ts';
import { firewallEndpoints } from './firewall.ts';
import { hardwareEndpoints } from './hardware.ts';
import { networkEndpoints } from './network.ts';
import { nodeEndpoints } from './nodes.ts';
import { optionEndpoints } from './options.ts';
import { poolEndpoints } from './pools.ts';
import { resourceEndpoints } from './resources.ts';
import { taskEndpoints } from './tasks.ts';

/** What concerns the whole cluster, its nodes, pools and tasks. */
export const clusterEndpoints: readonly Endpoint[] = [
  ...nodeEndpoints,
  ...networkEndpoints,
  ...hardwareEndpoints,
  ...optionEndpoints,
  ...resourceEndpoints,
  ...poolEndpoints,
  ...firewallEndpoints,
  ...taskEndpoints,
];
