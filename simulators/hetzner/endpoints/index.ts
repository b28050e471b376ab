import type { Endpoint } from '../call.ts';
import { actionEndpoints } from './actions.ts';
import { catalogueEndpoints } from './catalogue.ts';
import { firewallEndpoints } from './firewalls.ts';
import { networkEndpoints, placementGroupEndpoints } from './groups.ts';
import { imageEndpoints } from './images.ts';
import { primaryIpEndpoints } from './primary-ips.ts';
import { serverActionEndpoints } from './server-actions.ts';
import { serverEndpoints } from './servers.ts';
import { sshKeyEndpoints } from './ssh-keys.ts';
import { volumeEndpoints } from './volumes.ts';

/** Everything that is served. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...serverEndpoints,
  ...serverActionEndpoints,
  ...actionEndpoints,
  ...sshKeyEndpoints,
  ...firewallEndpoints,
  ...imageEndpoints,
  ...catalogueEndpoints,
  ...primaryIpEndpoints,
  ...volumeEndpoints,
  ...placementGroupEndpoints,
  ...networkEndpoints,
];
