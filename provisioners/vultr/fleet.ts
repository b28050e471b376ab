import { refuseAborted, untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import type { AgentId, Clock } from '../../src/provisioner/index.ts';
import type { VultrApi } from './api.ts';
import type { Asking } from './client.ts';
import type { Page } from './pages.ts';
import { ofAgent } from './tags.ts';
import type { VultrInstance } from './wire.ts';

/**
 * The one picture of all machines, which lists, traffic and capacity share. It is kept for a while, and dropped as soon as this
 * plugin changes anything.
 */
export interface Fleet {
  see(asking: Asking): Promise<Page<VultrInstance>>;
  /** Before and after every change. */
  changed(): void;
}

/** Fewer than two requests a minute for up to five hundred machines. */
const MAX_AGE_MS = 35_000;
const DOING = 'the instances were listed';

export function createFleet({
  api,
  clock,
  agent,
  closing,
}: {
  api: VultrApi;
  clock: Clock;
  agent: AgentId;
  closing: AbortSignal;
}): Fleet {
  let kept: { readonly at: number; readonly sight: Promise<Page<VultrInstance>>; maxAgeMs: number } | undefined;
  return {
    async see({ lane, signal }) {
      refuseAborted(signal, DOING);
      if (kept && clock.monotonic() - kept.at < kept.maxAgeMs) return untilAborted(kept.sight, signal, DOING);
      const sight = api.instances([['tag', ofAgent(agent)]], { lane, signal: closing });
      const entry = { at: clock.monotonic(), sight, maxAgeMs: Number.POSITIVE_INFINITY };
      kept = entry;
      sight.then(
        ({ complete }) => {
          // A picture with holes is not worth keeping.
          entry.maxAgeMs = complete ? MAX_AGE_MS : 0;
        },
        () => {
          entry.maxAgeMs = 0;
        },
      );
      return untilAborted(sight, signal, DOING);
    },
    changed() {
      kept = undefined;
    },
  };
}
