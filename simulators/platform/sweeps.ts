import type { Platform } from './options.ts';
import type { Contract } from './state.ts';
import { failProvisioning, move, refund } from './transitions.ts';

/**
 * Runs every sweep and clean-up that has come due, each at its own time. Nothing else happens between two requests, so
 * catching up late leaves the same rows as timers would have.
 */
export function runDueSweeps(platform: Platform, now: number): void {
  const { state, settings } = platform;
  while (state.nextSweepAt <= now || state.nextCleanupAt <= now) {
    if (state.nextSweepAt <= state.nextCleanupAt) {
      sweepTimeouts(platform, state.nextSweepAt);
      state.nextSweepAt += settings.sweepMs;
    } else {
      cleanUp(platform, state.nextCleanupAt);
      state.nextCleanupAt += settings.cleanupMs;
    }
  }
}

function sweepTimeouts(platform: Platform, now: number): void {
  for (const contract of platform.state.contracts.values()) timeOut(platform, contract, now);
}

function timeOut(platform: Platform, contract: Contract, now: number): void {
  const { settings, quirks } = platform;
  const age = now - contract.statusUpdatedAt;
  const by = { actor: 'system', kind: 'system', at: now } as const;
  const { status } = contract;
  if (status === 'accepted' || status === 'provisioning') {
    if (age > settings.provisioningTimeoutMs) failProvisioning(platform, contract, 'Provisioning timed out', now);
  } else if (status === 'requested' || status === 'pending') {
    if (age <= (status === 'requested' ? settings.requestedTimeoutMs : settings.pendingTimeoutMs)) return;
    move(platform, contract, 'expired', { ...by, memo: 'Not accepted in time' });
    if (!quirks.expiryKeepsMoney) refund(platform, contract, 1);
  } else if (status === 'active' || status === 'paused') {
    if (!quirks.neverExpires && contract.endAt > 0 && contract.endAt < now) move(platform, contract, 'expired', by);
  }
}

/** The daily tidying: it only makes rows agree with what readers compute anyway, and forgets what is long over. */
function cleanUp(platform: Platform, now: number): void {
  const { state, settings } = platform;
  for (const [id, lock] of state.locks) if (lock.expiresAt <= now) state.locks.delete(id);
  for (const [text, token] of state.tokens) {
    if (token.usedAt === undefined && token.expiresAt <= now) state.tokens.delete(text);
  }
  for (const beat of state.beats.values()) if (now - beat.lastAt >= settings.onlineMs) beat.online = false;
  for (const contract of state.contracts.values()) {
    if (contract.envelopeExpiresAt !== undefined && contract.envelopeExpiresAt <= now) {
      contract.envelope = undefined;
      contract.envelopeExpiresAt = undefined;
    }
    const over = PURGED.has(contract.status) && now - contract.statusUpdatedAt > settings.purgeMs;
    if (over) forgetContract(platform, contract.id);
  }
}

// provisioningfailed rows are kept for ever.
const PURGED: ReadonlySet<string> = new Set(['rejected', 'cancelled', 'expired']);

/** Deletes a contract's row: from then on the platform says that it never heard of it. */
export function forgetContract(platform: Platform, id: string): void {
  platform.state.contracts.delete(id);
  platform.state.locks.delete(id);
  platform.state.health.delete(id);
}
