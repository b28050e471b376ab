import { Refusal } from './answers.ts';
import { hex } from './call.ts';
import type { Dispatcher } from './dispatch.ts';
import type { Platform } from './options.ts';
import { providerRow } from './routes/auto-accept.ts';
import type { Contract, ContractStatus, Offering, PaymentStatus, Permission, Pool } from './state.ts';
import { forgetContract } from './sweeps.ts';
import { move } from './transitions.ts';

/**
 * Tells stories without signing anything. What tenants and providers can do over HTTP runs through the same handlers and
 * throws Refusal with their words; the rest is what only the operator's database, the payment service or time can do.
 */
export interface Admin {
  keyPair(): KeyPair;
  /** A provider with a profile; its key is made up unless given. Returns the key. */
  provider(options?: { key?: string; autoAccept?: boolean }): string;
  pool(provider: string, options?: { name?: string; location?: string; provisionerType?: string }): Pool;
  token(pool: Pool | string, options?: { label?: string; expiresInHours?: number }): string;
  /** Registers an agent key with a setup token. */
  register(token: string, agent: string): void;
  /** A sellable offering; everything may be overridden by its wire name. */
  offering(provider: string, columns?: Partial<Omit<Offering, 'id' | 'provider'>>): Offering;
  rent(order: RentOrder): Contract;
  cancel(contract: string, memo?: string): void;
  extend(contract: string, hours: number): void;
  resetPassword(contract: string): void;
  rotateKey(contract: string, sshKey: string): void;
  respond(contract: string, answer: 'accept' | 'reject'): void;
  /** A payment dispute is opened, won, or lost. */
  pause(contract: string, reason?: string): void;
  resume(contract: string): void;
  loseDispute(contract: string): void;
  /** The end lies a millisecond back. */
  expire(contract: string): void;
  setEnd(contract: string, at: number): void;
  setPayment(contract: string, payment: PaymentStatus): void;
  /** Past the state machine. */
  setStatus(contract: string, status: ContractStatus): void;
  /** The row is gone, as after a purge or a bad restore. */
  forget(contract: string): void;
  revoke(agent: string): void;
  setPermissions(agent: string, permissions: readonly Permission[]): void;
  verifyEmail(key: string): void;
  credit(key: string, amountE9s: number): void;
}

export interface KeyPair {
  readonly seed: string;
  readonly key: string;
}

export interface RentOrder {
  readonly offering: Offering | number;
  /** A fresh key unless given. */
  readonly tenant?: string;
  readonly sshKey?: string;
  readonly hours?: number;
  readonly method?: 'test' | 'wallet' | 'stripe';
  readonly memo?: string;
  readonly operatingSystem?: string;
  /** Nothing in the rental flow fills this column; tests may. */
  readonly instanceConfig?: string;
  readonly payment?: PaymentStatus;
}

export function createAdmin(platform: Platform, dispatcher: Dispatcher, tick: () => void): Admin {
  const { random, crypto, clock } = platform;

  const find = (id: string): Contract => {
    tick();
    const contract = platform.state.contracts.get(id);
    if (!contract) throw new Refusal(`Contract not found: ${id}`);
    return contract;
  };
  const delegation = (key: string) => {
    const row = platform.state.agents.get(key);
    if (!row) throw new Refusal(`Agent not found: ${key}`);
    return row;
  };
  const asTenant = (name: Parameters<Dispatcher['invoke']>[0], id: string, body: object = {}): void => {
    dispatcher.invoke(name, { key: find(id).tenant, params: { cid: id }, body });
  };
  const bySystem = (memo?: string) => ({ actor: 'system', kind: 'system', memo, at: clock.now() }) as const;
  const keyPair = (): KeyPair => {
    const seed = hex(random.bytes(32));
    return { seed, key: crypto.publicKeyOf(seed) };
  };

  return {
    keyPair,
    provider({ key = keyPair().key, autoAccept = true } = {}) {
      Object.assign(providerRow(platform, key), { profile: true, autoAccept });
      platform.state.accounts.set(key, { emailVerified: true });
      return key;
    },
    pool(provider, { name = 'pool', location = 'europe', provisionerType = 'sandbox' } = {}) {
      const body = { name, location, provisionerType };
      const made = dispatcher.invoke('create-pool', { key: provider, params: { pk: provider }, body });
      return row(platform.state.pools, textField(made, 'poolId'));
    },
    token(pool, options = {}) {
      const { id, provider } = typeof pool === 'string' ? row(platform.state.pools, pool) : pool;
      const made = dispatcher.invoke('create-token', {
        key: provider,
        params: { pk: provider, pool: id },
        body: options,
      });
      return textField(made, 'token');
    },
    register(token, agent) {
      dispatcher.invoke('setup', { key: '', body: { token, agentPubkey: agent } });
    },
    offering(provider, columns = {}) {
      const body = { ...SELLABLE, offering_id: `offer-${hex(random.bytes(3))}`, ...columns };
      const id = dispatcher.invoke('create-offering', { key: provider, params: { pk: provider }, body });
      return row(platform.state.offerings, Number(id));
    },
    rent(order) {
      tick();
      const body = {
        offering_db_id: typeof order.offering === 'number' ? order.offering : order.offering.id,
        ssh_pubkey: order.sshKey ?? makeSshKey(random.bytes(32)),
        payment_method: order.method ?? 'test',
        duration_hours: order.hours,
        request_memo: order.memo,
        operating_system: order.operatingSystem,
      };
      const made = dispatcher.invoke('rent', { key: order.tenant ?? keyPair().key, body });
      const contract = row(platform.state.contracts, textField(made, 'contractId'));
      if (order.instanceConfig !== undefined) contract.instanceConfig = order.instanceConfig;
      if (order.payment !== undefined) contract.paymentStatus = order.payment;
      return contract;
    },
    cancel: (id, memo) => asTenant('cancel', id, { memo }),
    extend: (id, hours) => asTenant('extend', id, { extensionHours: hours }),
    resetPassword: (id) => asTenant('reset-password', id),
    rotateKey: (id, sshKey) => asTenant('rotate-key', id, { newSshPubkey: sshKey }),
    respond(id, answer) {
      const body = { accept: answer === 'accept' };
      dispatcher.invoke('respond', { key: find(id).provider, params: { cid: id }, body });
    },
    pause(id, reason = `stripe_dispute:dp_${hex(random.bytes(6))}`) {
      const contract = find(id);
      move(platform, contract, 'paused', bySystem(reason));
      contract.pauseReason = reason;
      contract.pausedAt = clock.now();
    },
    resume(id) {
      const contract = find(id);
      if (contract.status !== 'paused') throw new Refusal(`Contract is not paused (status: ${contract.status})`);
      move(platform, contract, 'active', bySystem('dispute won'));
      // The end is not moved: paused time is lost to the tenant.
      contract.totalPausedMs += clock.now() - (contract.pausedAt ?? clock.now());
      contract.pauseReason = undefined;
      contract.pausedAt = undefined;
    },
    loseDispute(id) {
      const contract = find(id);
      move(platform, contract, 'cancelled', bySystem('dispute lost'));
      contract.paymentStatus = 'disputed';
    },
    expire(id) {
      find(id).endAt = clock.now() - 1;
    },
    setEnd(id, at) {
      find(id).endAt = at;
    },
    setPayment(id, payment) {
      find(id).paymentStatus = payment;
    },
    setStatus(id, status) {
      Object.assign(find(id), { status, statusUpdatedAt: clock.now() });
    },
    forget: (id) => forgetContract(platform, find(id).id),
    revoke(agent) {
      delegation(agent).revokedAt = clock.now();
    },
    setPermissions(agent, permissions) {
      delegation(agent).permissions = [...permissions];
    },
    verifyEmail(key) {
      platform.state.accounts.set(key, { emailVerified: true });
    },
    credit(key, amountE9s) {
      const { wallets } = platform.state;
      wallets.set(key, (wallets.get(key) ?? 0) + amountE9s);
    },
  };
}

const SELLABLE = {
  offer_name: 'Small machine',
  currency: 'USD',
  monthly_price: 10,
  setup_fee: 0,
  visibility: 'public',
  product_type: 'compute',
  billing_interval: 'monthly',
  billing_unit: 'month',
  is_subscription: false,
  stock_status: 'in_stock',
  unmetered_bandwidth: true,
  is_draft: false,
  datacenter_country: 'DE',
  datacenter_city: 'Falkenstein',
  processor_cores: 1,
  memory_amount: '512 MB',
  total_ssd_capacity: '5 GB',
};

/** An Ed25519 key line as ssh-keygen prints it. */
export function makeSshKey(publicKey: Uint8Array, comment = 'tenant'): string {
  const name = Buffer.from('ssh-ed25519');
  const length = (bytes: Uint8Array): Buffer => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(bytes.length);
    return prefix;
  };
  const blob = Buffer.concat([length(name), name, length(publicKey), publicKey]);
  return `ssh-ed25519 ${blob.toString('base64')} ${comment}`;
}

function row<K, V>(rows: Map<K, V>, key: K): V {
  const found = rows.get(key);
  if (found === undefined) throw new Refusal(`No such row: ${String(key)}`);
  return found;
}

function textField(value: unknown, name: string): string {
  const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof text !== 'string') throw new Error(`Expected "${name}" in the answer`);
  return text;
}
