import { openCredentials } from './credentials.ts';
import { type ClientOptions, createSignedClient, type SignedClient } from './signed-client.ts';

export interface Order {
  readonly offering: number;
  readonly sshKey: string;
  readonly hours?: number;
  readonly method?: 'test' | 'wallet' | 'stripe';
  readonly operatingSystem?: string;
}

/** What a tenant does, signed and over the wire. Disputes have no call: they come from the payment service. */
export interface Tenant extends SignedClient {
  /** Returns the contract id. */
  rent(order: Order): Promise<string>;
  cancel(contract: string, memo?: string): Promise<void>;
  extend(contract: string, hours: number): Promise<void>;
  resetPassword(contract: string): Promise<void>;
  rotateKey(contract: string, sshKey: string): Promise<void>;
  /** The full contract as the wire has it. */
  contract(contract: string): Promise<Readonly<Record<string, unknown>>>;
  /** The sealed envelope, as JSON text. */
  envelope(contract: string): Promise<string>;
  /** The root password out of the envelope. */
  password(contract: string): Promise<string>;
}

export function createTenant(options: ClientOptions): Tenant {
  const client = createSignedClient(options);
  const { call, seed } = client;
  const envelope = async (id: string): Promise<string> => String(await call('GET', `/contracts/${id}/credentials`));
  return {
    ...client,
    envelope,
    async rent({ offering, sshKey, hours, method = 'test', operatingSystem }) {
      const data = await call('POST', '/contracts', {
        offering_db_id: offering,
        ssh_pubkey: sshKey,
        payment_method: method,
        duration_hours: hours,
        operating_system: operatingSystem,
      });
      return String(field(data, 'contractId'));
    },
    async cancel(id, memo) {
      await call('PUT', `/contracts/${id}/cancel`, { memo });
    },
    async extend(id, hours) {
      await call('POST', `/contracts/${id}/extend`, { extensionHours: hours });
    },
    async resetPassword(id) {
      await call('POST', `/contracts/${id}/reset-password`);
    },
    async rotateKey(id, sshKey) {
      await call('POST', `/contracts/${id}/rotate-ssh-key`, { newSshPubkey: sshKey });
    },
    contract: async (id) => record(await call('GET', `/contracts/${id}`)),
    password: async (id) => openCredentials(await envelope(id), Buffer.from(seed, 'hex'), id),
  };
}

/** What a provider does with the main key. */
export interface ProviderClient extends SignedClient {
  createPool(pool: { name: string; location: string; provisionerType: string }): Promise<string>;
  createToken(pool: string, options?: { label?: string; expiresInHours?: number }): Promise<string>;
  /** `columns` by their wire names, all required ones among them. Returns the database id. */
  createOffering(columns: object): Promise<number>;
  contracts(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Needs a provider profile, which no call makes: see the admin interface. */
  setAutoAccept(value: 'on' | 'off'): Promise<void>;
  respond(contract: string, answer: 'accept' | 'reject'): Promise<void>;
  revoke(agent: string): Promise<void>;
  /** Undefined cancels the directive. */
  upgradePool(pool: string, version: string | undefined): Promise<void>;
}

export function createProviderClient(options: ClientOptions): ProviderClient {
  const client = createSignedClient(options);
  const { call, key } = client;
  const own = `/providers/${key}`;
  return {
    ...client,
    createPool: async (pool) => String(field(await call('POST', `${own}/pools`, pool), 'poolId')),
    createToken: async (pool, body = {}) =>
      String(field(await call('POST', `${own}/pools/${pool}/setup-tokens`, body), 'token')),
    createOffering: async (columns) => Number(await call('POST', `${own}/offerings`, columns)),
    async contracts() {
      const data = await call('GET', `${own}/contracts`);
      return Array.isArray(data) ? data.map(record) : [];
    },
    async setAutoAccept(value) {
      await call('PUT', '/provider/settings/auto-accept', { autoAcceptRentals: value === 'on' });
    },
    async respond(id, answer) {
      await call('POST', `/provider/rental-requests/${id}/respond`, { accept: answer === 'accept' });
    },
    async revoke(agent) {
      await call('DELETE', `${own}/agent-delegations/${agent}`);
    },
    async upgradePool(pool, version) {
      await call('POST', `${own}/pools/${pool}/upgrade`, { version: version ?? null });
    },
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new Error('Expected an object in the answer');
  return { ...value };
}

function field(value: unknown, name: string): unknown {
  return record(value)[name];
}
