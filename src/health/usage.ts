import type { ContractId } from '../ports/ids.ts';
import { stretches } from './account.ts';
import type { DueSample } from './read.ts';

/** One usage event as the platform takes it: the provider's own tool sends `body` to `path`, signed with the provider key. */
export interface UsageEvent {
  readonly method: 'POST';
  readonly path: string;
  readonly body: {
    readonly eventType: 'session_start' | 'heartbeat' | 'session_end';
    /** Unix time in seconds. */
    readonly heartbeatAt: number;
    readonly source: 'dc-agent';
  };
}

/** The platform counts at most this long from one heartbeat to the next. */
const HEARTBEAT_EVERY_MS = 300_000;

/**
 * What was seen of a machine as usage events: a session for each time in which it was up without a break, with a heartbeat at
 * its beginning and end and every five minutes between. A machine that nobody looked at used nothing.
 */
export function usageEvents(
  contract: ContractId,
  samples: readonly DueSample[],
  from: number,
  to: number,
): UsageEvent[] {
  const events: UsageEvent[] = [];
  const tell = (eventType: UsageEvent['body']['eventType'], at: number): void => {
    const body = { eventType, heartbeatAt: Math.floor(at / 1000), source: 'dc-agent' } as const;
    events.push({ method: 'POST', path: `/api/v1/contracts/${contract}/usage`, body });
  };
  let session: { readonly beatAt: number; readonly to: number } | undefined;
  for (const stretch of stretches(samples)) {
    if (stretch.counts !== 'up' || stretch.from < from || stretch.to > to) continue;
    if (session?.to !== stretch.from) {
      if (session !== undefined) end(tell, session);
      tell('session_start', stretch.from);
      tell('heartbeat', stretch.from);
      session = { beatAt: stretch.from, to: stretch.to };
    }
    let { beatAt } = session;
    for (; stretch.to - beatAt >= HEARTBEAT_EVERY_MS; beatAt += HEARTBEAT_EVERY_MS)
      tell('heartbeat', beatAt + HEARTBEAT_EVERY_MS);
    session = { beatAt, to: stretch.to };
  }
  if (session !== undefined) end(tell, session);
  return events;
}

function end(
  tell: (eventType: UsageEvent['body']['eventType'], at: number) => void,
  { beatAt, to }: { readonly beatAt: number; readonly to: number },
): void {
  if (to > beatAt) tell('heartbeat', to);
  tell('session_end', to);
}
