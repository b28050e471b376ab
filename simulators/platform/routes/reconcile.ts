import { ns, ok } from '../answers.ts';
import { type Call, type Route, requirePathProvider } from '../call.ts';
import type { Platform } from '../options.ts';

export const reconcileRoutes = [
  {
    name: 'reconcile',
    method: 'POST',
    path: '/providers/:pk/reconcile',
    auth: 'agent',
    json: true,
    handle: reconcile,
  },
] as const satisfies readonly Route[];

/** Sorts every reported instance into exactly one bucket; changes nothing. */
function reconcile(call: Call) {
  const { platform, body, now } = call;
  const instances = body.list('runningInstances').map((instance) => ({
    externalId: instance.string('externalId'),
    contractId: instance.optionalString('contractId'),
  }));
  const provider = requirePathProvider(call, 'Unauthorized: agent is not delegated by this provider');
  const buckets: Record<Bucket, object[]> = { keep: [], terminate: [], unknown: [], pause: [] };
  for (const { externalId, contractId } of instances) {
    const { bucket, ...fields } = judge(platform, provider, contractId, now);
    buckets[bucket].push({ externalId, ...fields });
  }
  return ok(buckets);
}

type Bucket = 'keep' | 'terminate' | 'unknown' | 'pause';

type Verdict =
  | { bucket: 'keep'; contractId: string; endsAt: number }
  | { bucket: 'terminate' | 'pause'; contractId: string; reason: string }
  | { bucket: 'unknown'; message: string };

/** The first match wins; the order is the server's. */
function judge(platform: Platform, provider: string, text: string | undefined, now: number): Verdict {
  if (text === undefined) return unknown('No contract ID associated with this instance');
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return unknown(`Invalid contract id hex: ${text}`);
  const contract = platform.state.contracts.get(text.toLowerCase());
  if (!contract) return unknown(`No contract found with ID: ${text}`);
  if (contract.provider !== provider) return unknown('Contract belongs to different provider');
  const { id: contractId, status, endAt } = contract;
  if (status === 'cancelled') return { bucket: 'terminate', contractId, reason: 'cancelled' };
  if (endAt > 0 && endAt < now) return { bucket: 'terminate', contractId, reason: 'expired' };
  if (status === 'paused') return { bucket: 'pause', contractId, reason: contract.pauseReason ?? 'paused' };
  const dead = status === 'rejected' || status === 'expired' || status === 'provisioningfailed';
  if (dead && !platform.quirks.reconcileKeepsDead) return { bucket: 'terminate', contractId, reason: status };
  return { bucket: 'keep', contractId, endsAt: ns(endAt) };
}

function unknown(message: string): Verdict {
  return { bucket: 'unknown', message };
}
