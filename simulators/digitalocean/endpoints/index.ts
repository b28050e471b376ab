import type { Endpoint } from '../call.ts';
import { catalogue } from './catalogue.ts';
import { createDroplet } from './create-droplet.ts';
import { dropletActions } from './droplet-actions.ts';
import { droplets } from './droplets.ts';
import { keys } from './keys.ts';
import { metrics } from './metrics.ts';
import { tags } from './tags.ts';
import { things } from './things.ts';

/** Everything that is served. */
export const ENDPOINTS: readonly Endpoint[] = [
  createDroplet,
  ...droplets,
  ...dropletActions,
  ...catalogue,
  ...keys,
  ...tags,
  ...things,
  metrics,
];
