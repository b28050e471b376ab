import type { Endpoint } from '../call.ts';
import { agentEndpoints } from './agent.ts';
import { cloneEndpoint } from './clone.ts';
import { cloudInitWriteEndpoint } from './cloud-init-write.ts';
import { configReadEndpoints } from './config-read.ts';
import { configWriteEndpoints } from './config-write.ts';
import { createEndpoint } from './create.ts';
import { destroyEndpoint } from './destroy.ts';
import { firewallEndpoints } from './firewall.ts';
import { powerEndpoints } from './power.ts';
import { resizeEndpoint } from './resize.ts';
import { rrdEndpoint } from './rrd.ts';
import { statusEndpoints } from './status.ts';
import { templateEndpoint } from './template.ts';

/** Everything below `/nodes/{node}/qemu`. */
export const qemuEndpoints: readonly Endpoint[] = [
  ...statusEndpoints,
  createEndpoint,
  cloneEndpoint,
  ...configReadEndpoints,
  ...configWriteEndpoints,
  cloudInitWriteEndpoint,
  resizeEndpoint,
  templateEndpoint,
  destroyEndpoint,
  ...powerEndpoints,
  ...agentEndpoints,
  ...firewallEndpoints,
  rrdEndpoint,
];
