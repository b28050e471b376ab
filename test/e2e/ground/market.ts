import { createPlatformCore, type Exchange, type PlatformCore } from '../../../simulators/platform/core.ts';
import { type PlatformServer, startPlatformServer } from '../../../simulators/platform/http.ts';
import { type MovableClock, shiftedClock } from '../../../simulators/platform/manual-clock.ts';
import type { Contract, Offering, Pool } from '../../../simulators/platform/state.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import { type ContractId, parseContractId } from '../../../src/ports/ids.ts';
import { systemRandom } from '../../../src/ports/random.ts';
import { makeKey } from './login.ts';
import type { Pulse } from './pulse.ts';

/** A contract as its tenant has it. */
export interface Lease {
  readonly contract: ContractId;
  readonly privateKey: string;
}

interface Wishes {
  /** Of the SSH key. */
  readonly comment?: string;
  /** The contract's instance_config. */
  readonly settings?: object;
}

/** A pool of agents and what they sell. */
export interface Stall {
  readonly pool: Pool;
  readonly offering: Offering;
}

/** The platform as one server on one port, and everything that tenants do there. */
export class Market {
  readonly core: PlatformCore;
  readonly clock: MovableClock = shiftedClock(systemClock);
  readonly provider: string;
  readonly leases: Lease[] = [];
  /** Every request that reached the platform. */
  readonly requests: { readonly at: number; readonly route: string | undefined; readonly path: string }[] = [];
  /** The different things that the platform was told about each contract's machine. */
  readonly told = new Map<string, Set<string>>();
  #server: PlatformServer | undefined;
  #url = '';

  constructor(pulse: Pulse) {
    // One person plays every tenant here.
    const options = { settings: { requireVerifiedEmail: false } };
    this.core = createPlatformCore({ clock: this.clock, random: systemRandom, options });
    this.provider = this.core.admin.provider();
    this.core.onExchange((exchange) => {
      this.#note(exchange);
      pulse.beat();
    });
  }

  get url(): string {
    return this.#url;
  }

  /** Answers from now on, always under the same address. */
  async open(host = '127.0.0.1'): Promise<void> {
    const port = this.#url === '' ? 0 : Number(new URL(this.#url).port);
    this.#server = await startPlatformServer({ core: this.core, host, port });
    this.#url = this.#server.url;
  }

  /** Nobody listens any more. */
  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  stall(provisionerType: string): Stall {
    const pool = this.core.admin.pool(this.provider, { provisionerType });
    return { pool, offering: this.offer(pool, provisionerType) };
  }

  /** One more thing that a pool sells, whether its agents can make it or not. */
  offer(pool: Pool, provisionerType: string, settings?: object): Offering {
    const columns = {
      provisioner_type: provisionerType,
      agent_pool_id: pool.id,
      ...(settings === undefined ? {} : { provisioner_config: JSON.stringify(settings) }),
    };
    return this.core.admin.offering(this.provider, columns);
  }

  rent(offering: Offering, { comment, settings }: Wishes = {}): Lease {
    const { publicKey, privateKey } = makeKey(comment);
    const instance = settings === undefined ? {} : { instanceConfig: JSON.stringify(settings) };
    return this.#leased(this.core.admin.rent({ offering, sshKey: publicKey, ...instance }), privateKey);
  }

  row(contract: string): Contract {
    const row = this.core.contracts.get(contract);
    if (row === undefined) throw new Error(`the platform has no contract ${contract}`);
    return row;
  }

  /** What the tenant reads about the machine. */
  details(contract: string): { readonly externalId: string; readonly host: string; readonly port: number } | undefined {
    const { details } = this.row(contract);
    if (details === undefined) return undefined;
    const { external_id, ip_address, ssh_port } = JSON.parse(details);
    return { externalId: String(external_id), host: String(ip_address), port: Number(ssh_port) };
  }

  #leased(row: Contract, privateKey: string): Lease {
    const contract = parseContractId(row.id);
    if (contract === undefined) throw new Error(`not a contract id: ${row.id}`);
    const lease = { contract, privateKey };
    this.leases.push(lease);
    return lease;
  }

  #note({ at, request, outcome }: Exchange): void {
    this.requests.push({ at, route: outcome.route, path: request.path });
    if (outcome.route !== 'provisioning') return;
    const { status, instanceDetails } = JSON.parse(request.body);
    if (status !== 'provisioned') return;
    const contract = request.path.split('/').at(-2) ?? '';
    this.told.set(contract, (this.told.get(contract) ?? new Set()).add(String(instanceDetails)));
  }
}
