import type { Endpoint } from '../call.ts';
import { configEndpoints } from './config.ts';
import { contentEndpoints } from './content.ts';
import { downloadEndpoints } from './download-url.ts';
import { statusEndpoints } from './status.ts';
import { uploadEndpoints } from './upload.ts';

/** Storages: their configuration, their state on a node, and what is in them. */
export const storageEndpoints: readonly Endpoint[] = [
  ...configEndpoints,
  ...statusEndpoints,
  ...contentEndpoints,
  ...downloadEndpoints,
  ...uploadEndpoints,
];
