import { Refusal } from './answers.ts';
import type { Platform } from './options.ts';
import type { Contract, ContractStatus, EventRow } from './state.ts';

/** Where each status may go. There are no self-transitions, and the last four are final. */
export const TRANSITIONS: Readonly<Record<ContractStatus, readonly ContractStatus[]>> = {
  requested: ['pending', 'accepted', 'rejected', 'cancelled', 'expired'],
  pending: ['accepted', 'rejected', 'cancelled', 'expired'],
  accepted: ['provisioning', 'provisioningfailed', 'rejected', 'cancelled'],
  provisioning: ['provisioned', 'provisioningfailed', 'cancelled'],
  provisioned: ['active', 'paused', 'cancelled'],
  active: ['paused', 'cancelled', 'expired'],
  paused: ['active', 'provisioned', 'cancelled', 'expired'],
  rejected: [],
  cancelled: [],
  expired: [],
  provisioningfailed: [],
};

export const STATUSES = Object.keys(TRANSITIONS) as readonly ContractStatus[];

/** Takes any case and the two alternative spellings. */
export function parseStatus(text: string): ContractStatus | undefined {
  const lower = text.toLowerCase();
  const name = lower === 'canceled' ? 'cancelled' : lower === 'provisioning_failed' ? 'provisioningfailed' : lower;
  return STATUSES.find((status) => status === name);
}

export interface Mover {
  /** The key that goes into the history: an agent's reports carry its provider's. */
  readonly actor: string;
  readonly kind: EventRow['actor'];
  readonly memo?: string | undefined;
  readonly at: number;
}

/** Moves a contract, writes history and event. Throws Refusal when the state machine or the payment gate forbids it. */
export function move(platform: Platform, contract: Contract, to: ContractStatus, by: Mover): void {
  const from = contract.status;
  const allowed = TRANSITIONS[from];
  if (!allowed.includes(to)) {
    throw new Refusal(
      `Invalid status transition: ${from} -> ${to}. Valid transitions from '${from}': [${allowed.join(', ')}]`,
    );
  }
  const gated = to === 'provisioned' || to === 'active';
  if (gated && contract.paymentStatus !== 'succeeded' && contract.amountE9s !== 0) {
    throw new Refusal(
      `Contract ${contract.id} cannot transition to ${to} while unpaid: payment status is ${contract.paymentStatus}`,
    );
  }
  contract.status = to;
  contract.statusUpdatedAt = by.at;
  const { state } = platform;
  state.history.push({ contract: contract.id, from, to, actor: by.actor, memo: by.memo, at: by.at });
  addEvent(platform, contract, { type: 'status_change', actor: by.kind, from, to, details: by.memo, at: by.at });
}

export function addEvent(platform: Platform, contract: Contract, event: Omit<EventRow, 'id' | 'contract'>): void {
  platform.state.events.push({ id: platform.state.nextId++, contract: contract.id, ...event });
}

/** Gives back `share` of what was paid, into the tenant's wallet. A contract that cost nothing keeps its payment status. */
export function refund(platform: Platform, contract: Contract, share: number): void {
  if (contract.amountE9s === 0 || contract.paymentStatus !== 'succeeded') return;
  const amount = Math.round(contract.amountE9s * Math.min(1, Math.max(0, share)));
  contract.refundE9s = amount;
  contract.paymentStatus = 'refunded';
  const { wallets } = platform.state;
  wallets.set(contract.tenant, (wallets.get(contract.tenant) ?? 0) + amount);
}

/** The way of every failed provisioning, reported or timed out. False when the status leaves nothing to fail. */
export function failProvisioning(platform: Platform, contract: Contract, reason: string, at: number): boolean {
  if (contract.status !== 'accepted' && contract.status !== 'provisioning') return false;
  move(platform, contract, 'provisioningfailed', { actor: contract.provider, kind: 'system', memo: reason, at });
  contract.failureReason = reason;
  refund(platform, contract, 1);
  return true;
}
