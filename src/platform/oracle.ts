import { type LockAnswer, PlatformError, type ReportAnswer } from './api.ts';
import type { Envelope } from './envelope.ts';

/**
 * The retry oracle: what an answer means, above all when an earlier attempt of the same call may have got through.
 * The platform says it in English only, so every text that the agent relies on is in this file. Pure.
 */

export type ReportCall = 'provisioning' | 'provisioned' | 'failed' | 'terminated' | 'password' | 'rotation';

/** How long a lock lasts; used only should the platform not say when it ends. */
const LOCK_TTL_MS = 300_000;

const TERMINAL = new Set(['cancelled', 'rejected', 'expired', 'provisioningfailed']);
const BEYOND_PROVISIONED = new Set(['provisioned', 'active', 'paused']);

/** Reads the answer to a report. Never throws: words that it does not know are `refused`. */
export function readReport(call: ReportCall, envelope: Envelope): ReportAnswer {
  if (envelope.ok) {
    return envelope.data === false
      ? { outcome: 'refused', text: envelope.note ?? 'answered false' }
      : { outcome: 'done' };
  }
  const text = envelope.error;
  for (const rule of RULES[call]) {
    const answer = rule(text);
    if (answer) return answer;
  }
  return { outcome: 'refused', text };
}

/** Reads the answer to a lock request. `nowMs` serves only where the platform left the expiry out. */
export function readLock(envelope: Envelope, nowMs: number): LockAnswer {
  if (envelope.ok) {
    const { acquired, expiresAtNs } = lockData(envelope.data);
    if (acquired === true) {
      const at = Number(expiresAtNs);
      return { state: 'held', expiresAt: at > 0 && Number.isFinite(at) ? Math.floor(at / 1e6) : nowMs + LOCK_TTL_MS };
    }
    if (acquired === false) return { state: 'taken' };
    throw new PlatformError('protocol', 'the lock answer does not say whether the lock was acquired', { status: 200 });
  }
  const text = envelope.error;
  if (/already locked/i.test(text)) return { state: 'taken' };
  if (CONTRACT_NOT_FOUND.test(text)) return { state: 'not-found' };
  const status = capture(text, /not in (?:a )?lockable status(?: \(status: ([^)]*)\))?/i);
  if (status !== undefined) return { state: 'not-lockable', status: canonicalStatus(status) || 'unknown' };
  const payment = capture(text, /payment not succeeded(?: \(status: ([^)]*)\))?/i);
  if (payment !== undefined) return { state: 'unpaid', payment: payment.trim().toLowerCase() || 'unknown' };
  throw new PlatformError('refused', text, { status: 200 });
}

type Rule = (text: string) => ReportAnswer | undefined;

/** "Contract not found or not in cancelled status" means something else. */
const CONTRACT_NOT_FOUND = /^Contract not found(?! or\b)/i;

const notFound: Rule = (text) => (CONTRACT_NOT_FOUND.test(text) ? { outcome: 'not-found' } : undefined);

/** `Invalid status transition: active -> provisioned. …`: the first word is where the contract is. */
const transition: Rule = (text) => {
  const [, from, to] = /Invalid status transition: '?(\w+)'? -> '?(\w+)'?/i.exec(text) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const [status, target] = [canonicalStatus(from), canonicalStatus(to)];
  if (status === target) return { outcome: 'already', status };
  if (TERMINAL.has(status)) return { outcome: 'dead', status };
  if (target !== 'provisioningfailed' && BEYOND_PROVISIONED.has(status)) return { outcome: 'already', status };
  return { outcome: 'out-of-order', status };
};

/** The status has changed and cannot be reported again: the details are lost, and no call repairs that. */
const detailsLost: Rule = (text) =>
  /^Status updated but failed to save details/i.test(text) ? { outcome: 'already', status: 'provisioned' } : undefined;

/** Also said of a contract that ended by time: it stays `active` on the platform and cannot be reported terminated. */
const notCancelled: Rule = (text) =>
  /not found or not in cancelled status/i.test(text) ? { outcome: 'out-of-order', status: 'not-cancelled' } : undefined;

/** A password can only be kept for a contract that was reported provisioned. */
const neverProvisioned: Rule = (text) =>
  /^No provisioning details found/i.test(text) ? { outcome: 'out-of-order', status: 'not-provisioned' } : undefined;

/** Completed before, or superseded by a newer key: list again to know. */
const noRotation: Rule = (text) =>
  /^No pending SSH key rotation/i.test(text) ? { outcome: 'already', status: 'no-pending-rotation' } : undefined;

const RULES: Readonly<Record<ReportCall, readonly Rule[]>> = {
  provisioning: [transition, notFound],
  provisioned: [detailsLost, transition, notFound],
  failed: [transition, notFound],
  terminated: [notCancelled, notFound],
  password: [neverProvisioned, notFound],
  rotation: [noRotation, notFound],
};

/** True when the pending password resets exist but cannot be listed, false when listing them was refused to us. */
export function isUnlistable(error: string): boolean {
  // Everything that is not a refusal is that fault: its text is whatever the database driver says.
  return !/^(Unauthorized|Agent (does not have|is not delegated)|Invalid (pubkey|public key)|Public key must)/i.test(
    error,
  );
}

/** True when a DNS record could not be created because the very same is there: creating one is not idempotent. */
export function isDnsRecordThere(error: string): boolean {
  return /^Failed to create DNS record\b.*\b(already exists|identical record)/is.test(error);
}

/** The platform accepts `canceled` and `provisioning_failed` as input, so a text may come back with either spelling. */
export function canonicalStatus(text: string): string {
  const status = text.trim().toLowerCase().replaceAll('_', '');
  return status === 'canceled' ? 'cancelled' : status;
}

function lockData(data: unknown): { acquired?: unknown; expiresAtNs?: unknown } {
  if (typeof data !== 'object' || data === null) return {};
  const { acquired, expiresAtNs, expires_at_ns: snake } = data as Record<string, unknown>;
  return { acquired, expiresAtNs: expiresAtNs ?? snake };
}

/** The first group, '' when it took no part, undefined without a match. */
function capture(text: string, pattern: RegExp): string | undefined {
  const match = pattern.exec(text);
  return match ? (match[1] ?? '') : undefined;
}
