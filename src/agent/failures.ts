import { GatewayError } from '../gateway/port.ts';
import type { ContractEvent, Step } from '../lifecycle/index.ts';
import { PlatformError } from '../platform/api.ts';
import { NotSentError } from '../platform/transport.ts';
import { isProvisionerError } from '../provisioner/errors.ts';
import { redactText } from '../telemetry/redact.ts';

/** The work was stopped by us: shutdown, a lost lock, a changed goal. The text says which. */
export class Parked extends Error {
  override readonly name = 'Parked';
}

type Failed = Extract<ContractEvent, { type: 'failed' }>;

/** What a step's failure means for the record. Private detail goes to `text`, which stays on this host; secrets go nowhere. */
export function failure(step: Step, error: unknown, signal: AbortSignal): Failed {
  const failed = classify(step, error, signal);
  // The ledger is copied into backups and shown by `explain`, in a process that does not know this one's secrets.
  return { ...failed, text: redactText(failed.text) };
}

function classify(step: Step, error: unknown, signal: AbortSignal): Failed {
  if (signal.aborted) {
    const reason = signal.reason instanceof Error ? signal.reason.message : 'stopped';
    return { type: 'failed', step, kind: 'parked', text: reason };
  }
  if (error instanceof Parked) return { type: 'failed', step, kind: 'parked', text: error.message };
  if (error instanceof GatewayError) return { type: 'failed', step, kind: error.kind, text: error.message };
  if (error instanceof PlatformError) return platformFailure(step, error);
  if (isProvisionerError(error)) {
    return {
      type: 'failed',
      step,
      kind: error.kind,
      text: error.message,
      publicText: error.publicText,
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    };
  }
  // A fault of ours or of the plugin. The outcome is as open as after a lost answer.
  return {
    type: 'failed',
    step,
    kind: 'unknown-outcome',
    text: error instanceof Error ? error.message : String(error),
  };
}

const SURELY_NOTHING: ReadonlySet<string> = new Set(['throttled', 'clock-skew', 'unauthorized', 'refused', 'bug']);

function platformFailure(step: Step, error: PlatformError): Failed {
  const nothing = SURELY_NOTHING.has(error.kind) || error.cause instanceof NotSentError;
  const refused = SURELY_NOTHING.has(error.kind);
  const kind = error.kind === 'throttled' ? 'throttled' : refused ? 'config' : nothing ? 'retry' : 'unknown-outcome';
  return {
    type: 'failed',
    step,
    kind,
    text: `platform: ${error.message}`,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(nothing ? { nothingHappened: true as const } : {}),
  };
}
