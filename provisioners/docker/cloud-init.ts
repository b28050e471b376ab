import {
  type CallContext,
  CLOUD_INIT_STATUS,
  type CloudInitState,
  cloudInitState,
  type OwnedRef,
} from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { requireOwned } from './owned.ts';

/** Where the link at `CLOUD_INIT_STATUS` leads: the engine follows none. */
const STATUS_FILE = '/var/lib/cloud/data/status.json';

/** Most images have no cloud-init, which is one look at a file that is not there. */
export async function lookAtCloudInit(engine: Engine, ref: OwnedRef, { signal }: CallContext): Promise<CloudInitState> {
  const { Id } = await requireOwned(engine, ref, signal);
  const seen = await engine.inside.read(Id, CLOUD_INIT_STATUS, signal);
  if (seen === undefined) return { state: 'none' };
  const file = seen.kind === 'file' ? seen : await engine.inside.read(Id, STATUS_FILE, signal);
  return cloudInitState(file?.content?.toString('utf8') ?? '');
}
