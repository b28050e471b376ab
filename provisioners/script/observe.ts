import type { CallContext, ExternalId, Instance, Observed, OwnedRef } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { describeMachine } from './describe.ts';
import { excerpt } from './excerpt.ts';
import { toInstance } from './instance.ts';
import { findMachines, knownExternalId } from './ownership.ts';

/**
 * The present truth about one machine: what get_instance says, and its health. Absence is believed only from a complete list, and
 * where there is no list, from get_instance in the one form that means it.
 */
export async function observeMachine(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<Observed> {
  const id = knownExternalId(ref);
  if (id === undefined) return fromList(backend, ref, ctx, 'its external id is not known');
  const described = await describeMachine(backend, id, ref.stamp.contract, ctx);
  if (described.state === 'refused') return fromList(backend, ref, ctx, described.error.message);
  if (described.state === 'none') {
    if (backend.settings.list === undefined) return { state: 'absent' };
    return fromList(backend, ref, ctx, 'get_instance shows no such machine');
  }
  const { wire } = described;
  // A stopped machine cannot be healthy, and asking may take a whole time limit.
  if (wire.status === 'stopped') return present(toInstance(wire, ref.stamp, 'stopped', backend.settings));
  const health = await healthOf(backend, id, ctx);
  return present(
    { ...toInstance(wire, ref.stamp, health.power, backend.settings), ...health.uptime },
    health.unhealthy,
  );
}

interface Health {
  readonly power: 'running' | 'unknown';
  readonly uptime?: { readonly uptimeMs: number };
  readonly unhealthy?: string;
}

/** No verdict leaves the power state unknown: the machine is there, and nobody knows how it is. */
async function healthOf(backend: Backend, id: ExternalId, ctx: CallContext): Promise<Health> {
  const reply = await backend.client.request('health_check', id, ctx);
  if (!reply.ok) {
    if (ctx.signal.aborted) throw reply.error;
    ctx.log.warn({ externalId: id, err: reply.error }, 'health check gave no verdict');
    return { power: 'unknown' };
  }
  const { health } = reply.answer;
  if (health?.status === 'unhealthy') return { power: 'unknown', unhealthy: excerpt(health.reason) };
  if (health?.status !== 'healthy') return { power: 'unknown' };
  const seconds = health.uptime_seconds;
  return { power: 'running', ...(typeof seconds === 'number' ? { uptime: { uptimeMs: seconds * 1000 } } : {}) };
}

async function fromList(backend: Backend, ref: OwnedRef, ctx: CallContext, why: string): Promise<Observed> {
  if (backend.settings.list === undefined) return { state: 'unknown', why };
  const [machine] = await findMachines(backend, ref, ctx);
  return machine === undefined ? { state: 'absent' } : present({ ...machine, stamp: ref.stamp });
}

function present(instance: Instance, unhealthy?: string): Observed {
  return { state: 'present', instance, ...(unhealthy === undefined ? {} : { unhealthy }) };
}
