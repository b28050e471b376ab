import type { Engine } from './engine.ts';
import { HOST_KEY_TOLD, isAuthorizedKey } from './machine.ts';

/**
 * The SSH host key that was laid into a machine before its first start, read back by the engine's own hand. Undefined for images whose
 * own start may make another one; what answers first has to do there.
 */
export async function readHostKey(engine: Engine, id: string, signal: AbortSignal): Promise<string | undefined> {
  const entry = await engine.inside.read(id, `/${HOST_KEY_TOLD}`, signal);
  const key = entry?.content?.toString('latin1').trim() ?? '';
  return key.startsWith('ssh-ed25519 ') && isAuthorizedKey(key) ? key : undefined;
}
