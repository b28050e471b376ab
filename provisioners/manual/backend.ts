import type { PluginDeps } from '../../src/provisioner/index.ts';
import type { Notices } from './notices.ts';
import type { ManualSettings } from './schema.ts';
import type { Store } from './store.ts';

/** What every verb of this plugin works with. */
export interface Backend {
  readonly deps: PluginDeps;
  readonly settings: ManualSettings;
  readonly store: Store;
  readonly notices: Notices;
}
