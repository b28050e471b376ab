import { ok, Refusal } from '../answers.ts';
import { type Call, contractOf, hex, type Route } from '../call.ts';
import type { Platform } from '../options.ts';
import type { Contract, Offering } from '../state.ts';
import { addEvent, move, refund } from '../transitions.ts';
import { autoAccepts } from './auto-accept.ts';
import { contractView } from './contract-views.ts';

/** What tenants do with contracts, and how providers answer. */
export const rentalRoutes = [
  { name: 'rent', method: 'POST', path: '/contracts', auth: 'provider', json: true, handle: rent },
  { name: 'cancel', method: 'PUT', path: '/contracts/:cid/cancel', auth: 'provider', json: true, handle: cancel },
  { name: 'extend', method: 'POST', path: '/contracts/:cid/extend', auth: 'provider', json: true, handle: extend },
  {
    name: 'reset-password',
    method: 'POST',
    path: '/contracts/:cid/reset-password',
    auth: 'provider',
    handle: resetPassword,
  },
  {
    name: 'rotate-key',
    method: 'POST',
    path: '/contracts/:cid/rotate-ssh-key',
    auth: 'provider',
    json: true,
    handle: rotateKey,
  },
  {
    name: 'rental-requests',
    method: 'GET',
    path: '/provider/rental-requests/pending',
    auth: 'provider',
    handle: pendingRequests,
  },
  {
    name: 'respond',
    method: 'POST',
    path: '/provider/rental-requests/:cid/respond',
    auth: 'provider',
    json: true,
    handle: respond,
  },
] as const satisfies readonly Route[];

const DEFAULT_HOURS = 720;
const HOUR = 3_600_000;

/** The clock of a contract runs from here, not from when its machine is ready. */
function rent(call: Call) {
  const { platform, body, now, caller } = call;
  const read = {
    offering: body.integer('offering_db_id'),
    sshKey: body.string('ssh_pubkey'),
    method: body.string('payment_method'),
    hours: body.optionalInteger('duration_hours') ?? DEFAULT_HOURS,
    contact: body.optionalString('contact_method') ?? '',
    memo: body.optionalString('request_memo') ?? '',
    system: body.optionalString('operating_system'),
  };
  const { state } = platform;
  const offering = state.offerings.get(read.offering);
  const self = offering?.provider === caller.key;
  if (!offering || (offering.visibility === 'private' && !self)) throw new Refusal('Offering not found');
  checkSshKey(read.sshKey);
  if (!['stripe', 'wallet', 'test'].includes(read.method)) throw new Refusal(`Invalid payment method: ${read.method}`);
  checkHours(offering, read.hours);
  if (offering.is_draft || offering.stock_status !== 'in_stock') throw new Refusal('Offering is not available');
  checkAccount(platform, caller.key);

  const amount = self ? 0 : price(offering, read.hours);
  if (!self && read.method !== 'test') debit(platform, caller.key, amount);
  const contract: Contract = {
    id: hex(platform.random.bytes(32)),
    provider: offering.provider,
    tenant: caller.key,
    offeringDbId: offering.id,
    offeringSlug: offering.offering_id,
    offeringName: offering.offer_name,
    sshKey: read.sshKey,
    contact: read.contact,
    memo: read.memo,
    status: 'requested',
    statusUpdatedAt: now,
    paymentMethod: read.method,
    paymentStatus: 'succeeded',
    amountE9s: amount,
    currency: offering.currency,
    createdAt: now,
    startAt: now,
    endAt: now + read.hours * HOUR,
    durationHours: read.hours,
    originalDurationHours: read.hours,
    operatingSystem: read.system,
    lifted: {},
    totalPausedMs: 0,
  };
  state.contracts.set(contract.id, contract);
  if (autoAccepts(platform, contract)) {
    move(platform, contract, 'accepted', {
      actor: contract.provider,
      kind: 'provider',
      memo: 'auto-accepted',
      at: now,
    });
  }
  return ok({ contractId: contract.id, message: 'Rental request created successfully' });
}

/** The server's own filter. It lets line breaks and any comment through, which is why agents must clean keys. */
function checkSshKey(key: string): void {
  if (!/^ssh-(?:rsa|ed25519|ecdsa|dss)\s+[A-Za-z0-9+/]+={0,3}(?:\s+[\s\S]*)?$/.test(key.trim())) {
    throw new Refusal('Invalid SSH public key format');
  }
}

function checkHours(offering: Offering, hours: number): void {
  const [min, max] = [offering.min_contract_hours ?? 1, offering.max_contract_hours ?? Number.POSITIVE_INFINITY];
  if (hours < min || hours > max) throw new Refusal(`Duration must be between ${min} and ${max} hours`);
}

/** The first rental makes an account whose mail is unverified; the second one by the same key is refused for that. */
function checkAccount(platform: Platform, tenant: string): void {
  const account = platform.state.accounts.get(tenant);
  if (account && !account.emailVerified && platform.settings.requireVerifiedEmail) {
    throw new Refusal('Email verification required before renting again');
  }
  if (!account) platform.state.accounts.set(tenant, { emailVerified: false });
}

function price(offering: Offering, hours: number): number {
  return Math.round(((offering.monthly_price * hours) / DEFAULT_HOURS + offering.setup_fee) * 1e9);
}

/** Prepaid, also when the method says stripe. */
function debit(platform: Platform, tenant: string, amount: number): void {
  const { wallets } = platform.state;
  const balance = wallets.get(tenant) ?? 0;
  if (balance < amount) throw new Refusal('Insufficient wallet balance');
  wallets.set(tenant, balance - amount);
}

function cancel(call: Call) {
  const { platform, body, now, caller } = call;
  const memo = body.optionalString('memo');
  const contract = ownContract(call);
  const { completedAt, endAt } = contract;
  // What was not used comes back; before the machine was ready, everything does.
  const share = completedAt === undefined ? 1 : (endAt - now) / Math.max(1, endAt - completedAt);
  move(platform, contract, 'cancelled', { actor: caller.key, kind: 'tenant', memo, at: now });
  refund(platform, contract, share);
  return ok('Contract cancelled');
}

function extend(call: Call) {
  const { platform, body, now } = call;
  const hours = body.integer('extensionHours', 1, 2 ** 31);
  const contract = ownContract(call);
  if (!['accepted', 'provisioning', 'provisioned', 'active'].includes(contract.status)) {
    throw new Refusal(`Contract cannot be extended in status ${contract.status}`);
  }
  const previousEndAt = contract.endAt;
  contract.endAt += hours * HOUR;
  contract.durationHours += hours;
  const { state } = platform;
  const row = { id: state.nextId++, contract: contract.id, hours, previousEndAt, newEndAt: contract.endAt, at: now };
  state.extensions.push(row);
  return ok({ contractId: contract.id, extensionHours: hours, newEndTimestampNs: contract.endAt * 1_000_000 });
}

function resetPassword(call: Call) {
  const contract = runningContract(call);
  contract.resetRequestedAt = call.now;
  addEvent(call.platform, contract, { type: 'password_reset', actor: 'tenant', at: call.now });
  return ok('Password reset requested');
}

function rotateKey(call: Call) {
  const key = call.body.string('newSshPubkey');
  const contract = runningContract(call);
  checkSshKey(key);
  contract.rotationKey = key;
  contract.rotationRequestedAt = call.now;
  addEvent(call.platform, contract, { type: 'ssh_key_rotation', actor: 'tenant', at: call.now });
  return ok('SSH key rotation requested');
}

/** Resets and rotations hang on the details row, which only a full `provisioned` report makes. */
function runningContract(call: Call): Contract {
  const contract = ownContract(call);
  if (contract.status !== 'provisioned' && contract.status !== 'active') {
    throw new Refusal(`Contract is not running (status: ${contract.status})`);
  }
  if (contract.details === undefined) {
    throw new Refusal(`No provisioning details found for contract ${contract.id}`);
  }
  return contract;
}

function ownContract(call: Call): Contract {
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.tenant !== call.caller.key) throw new Refusal('Unauthorized: you are not the tenant of this contract');
  return contract;
}

function pendingRequests({ platform, caller }: Call) {
  const waiting = [...platform.state.contracts.values()].filter(
    ({ provider, status }) => provider === caller.key && (status === 'requested' || status === 'pending'),
  );
  return ok(waiting.map(contractView));
}

function respond(call: Call) {
  const { platform, body, now, caller } = call;
  const accept = body.boolean('accept');
  const memo = body.optionalString('memo');
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.key) throw new Refusal('Unauthorized: only provider can respond');
  const by = { actor: caller.key, kind: 'provider', memo, at: now } as const;
  move(platform, contract, accept ? 'accepted' : 'rejected', by);
  if (!accept) refund(platform, contract, 1);
  return ok(accept ? 'Contract accepted' : 'Contract rejected');
}
