import { join } from 'node:path';
import { type DevPlatform, startDevPlatform } from '../platform/cli.ts';
import { createTenant, type Tenant } from '../platform/tenant.ts';
import type { DemoBackend } from './backend.ts';
import { DemoFailure } from './failure.ts';
import type { Undo } from './undo.ts';
import { type Door, makeTenantKey, type TenantKey } from './visit.ts';

/** A contract, and what its tenant knows. */
export interface Lease {
  readonly contract: string;
  readonly key: TenantKey;
  /** ms since the epoch, by the platform's row. */
  readonly rentedAt: number;
}

/** The simulated platform over real HTTP, with one offering and one tenant who signs every call. */
export class Market {
  readonly platform: DevPlatform;
  readonly offering: number;
  readonly #tenant: Tenant;
  #openedAt: number | undefined;
  readonly #home: string;

  constructor(platform: DevPlatform, offering: number, home: string) {
    this.platform = platform;
    this.offering = offering;
    this.#home = home;
    this.#tenant = createTenant({ platform: platform.url });
  }

  async rent(number: number): Promise<Lease> {
    const key = await makeTenantKey(join(this.#home, `tenant-${number}.key`));
    const contract = await this.#tenant.rent({ offering: this.offering, sshKey: `${key.public} tenant-${number}` });
    const rentedAt = this.#row(contract).createdAt;
    this.#openedAt ??= rentedAt;
    return { contract, key, rentedAt };
  }

  /** When the first contract was rented. */
  get openedAt(): number {
    return this.#openedAt ?? Date.now();
  }

  /** Where the tenant is told to log in. */
  async door({ contract }: Lease): Promise<Door> {
    const { status, provisioning_instance_details: text } = await this.#tenant.contract(contract);
    const details: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
    if (status === 'active' && isDetails(details)) {
      return { host: details.ip_address, port: details.ssh_port, user: 'root' };
    }
    throw new DemoFailure(`the tenant of ${contract} was not told where to log in; its status is ${String(status)}`);
  }

  /** Cancels what is still there to be cancelled. */
  async cancel({ contract }: Lease): Promise<void> {
    if (this.#row(contract).status !== 'cancelled') await this.#tenant.cancel(contract);
  }

  status(contract: string): string {
    return this.#row(contract).status;
  }

  /** Why the platform was told that there will be no machine. */
  failureOf(contract: string): string | undefined {
    const { status, failureReason } = this.#row(contract);
    return status === 'provisioningfailed' ? (failureReason ?? 'no reason was given') : undefined;
  }

  /** The agent has said that the machine is gone. */
  isTerminated(contract: string): boolean {
    return this.#row(contract).terminatedAt !== undefined;
  }

  #row(contract: string) {
    const row = this.platform.core.contracts.get(contract);
    if (row === undefined) throw new DemoFailure(`the platform has no contract ${contract}`);
    return row;
  }
}

export async function openMarket(backend: DemoBackend, home: string, undo: Undo): Promise<Market> {
  const platform = await startDevPlatform({ seedOffering: backend.type, keyDirectory: home });
  undo.add('close the platform', platform.close);
  const { id } = platform.core.admin.offering(platform.providerKey, {
    offering_id: `demo-${backend.type}`,
    offer_name: 'Demonstration machine',
    provisioner_type: backend.type,
    agent_pool_id: platform.pool,
    ...backend.sells,
  });
  return new Market(platform, id, home);
}

function isDetails(details: unknown): details is { ip_address: string; ssh_port: number } {
  return (
    typeof details === 'object' &&
    details !== null &&
    'ip_address' in details &&
    typeof details.ip_address === 'string' &&
    'ssh_port' in details &&
    typeof details.ssh_port === 'number'
  );
}
