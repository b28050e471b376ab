import { addressOf, type ContractRecord, type InstanceData, isBehindHost } from '../lifecycle/index.ts';
import { sleep } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { ProvisionerError } from '../provisioner/errors.ts';
import type { AgentDeps } from './deps.ts';
import { shownKeyOf } from './machine-keys.ts';
import type { Target } from './target.ts';

const KNOCK_TIMEOUT_MS = 5_000;
const SSH_PORT = 22;

/** Who is at an address where a machine is said to be. */
export type Found = 'the machine' | 'another' | 'nobody';

/** An address that was not believed, and why. */
export interface Doubt {
  readonly address: string;
  readonly found: Exclude<Found, 'the machine'>;
  /** The contract of ours whose machine is known to be there. */
  readonly holder?: ContractId;
}

/** Of which machine it is asked. */
interface Asked {
  readonly deps: AgentDeps;
  readonly record: ContractRecord;
  readonly target: Target;
}

/**
 * Asks whoever is at `address` for the machine's host key. A backend mostly knows addresses from the guest alone, and a tenant can
 * have a guest say anything: a route that followed it would lead the world to a machine of somebody else's, or of the provider's own.
 * A machine whose key nobody knows yet is believed, and so is one that this host could not hear if it were there: its route is proved
 * when it is open.
 */
export async function whoIsAt(address: string, { deps, record, target }: Asked, signal: AbortSignal): Promise<Found> {
  const expected = shownKeyOf(deps.vault, record, target.provisioner.capabilities);
  if (expected === undefined) return 'the machine';
  const port = record.instance?.ssh?.port ?? SSH_PORT;
  const answer = await deps.knock({ host: address, port, timeoutMs: KNOCK_TIMEOUT_MS }, signal);
  if (answer.state !== 'answers') return deps.gateway?.port.hears === 'machines with ports' ? 'the machine' : 'nobody';
  return answer.hostKey === expected ? 'the machine' : 'another';
}

/** A machine gets this long to boot before an address at which it does not answer is not believed. */
const BOOT_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;

/**
 * What was told of a machine that was just started, with the address that it had before unless it answers at the new one. Should it
 * answer there later, a list shows it there.
 */
export async function startedAt(
  told: InstanceData,
  context: Asked & { readonly signal: AbortSignal; readonly log: Log },
): Promise<InstanceData> {
  const { deps, record, signal, log } = context;
  const [address, before] = [addressOf(told), addressOf(record.instance)];
  const follows = record.route !== undefined && record.route.ipv4 === undefined && isBehindHost(record.instance);
  if (!follows || address === undefined || before === undefined || address === before) return told;
  const end = deps.clock.monotonic() + BOOT_MS;
  while (isBehindHost(told)) {
    const found = await whoIsAt(address, context, signal);
    if (found === 'the machine') return told;
    if (found === 'another' || deps.clock.monotonic() >= end) break;
    await sleep(deps.clock, LOOK_AGAIN_MS, signal);
  }
  log.warn({ address, before }, 'the machine does not answer where it is said to be: not believed');
  return {
    ...told,
    ...(told.ipv4 === undefined ? {} : { ipv4: before }),
    ...(told.ssh === undefined ? {} : { ssh: { ...told.ssh, host: before } }),
  };
}

/**
 * Throws `retry` for a new machine that is said to be where another one is: no port may lead there. One that does not answer yet boots,
 * and its address is asked for again with the next attempt.
 */
export async function refuseFalseAddress(
  told: InstanceData,
  context: Asked & {
    readonly signal: AbortSignal;
    readonly holderOf: (address: string) => ContractId | undefined;
  },
): Promise<void> {
  const { record, holderOf, signal } = context;
  const address = addressOf(told);
  if (record.route === undefined || record.route.ipv4 !== undefined || address === undefined || !isBehindHost(told))
    return;
  const holder = holderOf(address);
  const there = holder === undefined ? 'another machine answers' : `that of contract ${holder} is`;
  if (holder !== undefined || (await whoIsAt(address, context, signal)) === 'another')
    throw new ProvisionerError('retry', `the machine is said to be at ${address}, where ${there}`);
}

interface WhereaboutsOptions {
  readonly deps: AgentDeps;
  readonly target: Target;
  readonly log: Log;
  /** Whose machine, of all but this contract's, is known to be at an address. */
  readonly holderOf: (address: string) => ContractId | undefined;
}

/** Judges where lists show one contract's machine. */
export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  readonly #abort = new AbortController();
  #asking = false;
  #doubt: Doubt | undefined;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  /** Where its backend shows the machine although it is not there, or cannot be proved to be. */
  get doubt(): Doubt | undefined {
    return this.#doubt;
  }

  /** True when the machine is seen at another address than the recorded one, and is there. One look at a time. */
  async hasMoved(record: ContractRecord, seen: InstanceData): Promise<boolean> {
    const address = addressOf(seen);
    // Nobody is asked at an address that no machine behind this host can have.
    if (address === undefined || address === addressOf(record.instance) || !isBehindHost(seen)) {
      this.#doubt = undefined;
      return false;
    }
    const holder = this.#options.holderOf(address);
    if (holder !== undefined) return this.#believe({ address, found: 'another', holder });
    if (this.#asking) return false;
    this.#asking = true;
    try {
      const found = await whoIsAt(address, { ...this.#options, record }, this.#abort.signal);
      return this.#believe(found === 'the machine' ? undefined : { address, found });
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
      return false;
    } finally {
      this.#asking = false;
    }
  }

  stop(): void {
    this.#abort.abort(new Error('the contract is no longer worked on'));
  }

  #believe(doubt: Doubt | undefined): boolean {
    const known = this.#doubt;
    this.#doubt = doubt;
    if (doubt === undefined) return true;
    if (known?.address !== doubt.address || known.found !== doubt.found || known.holder !== doubt.holder)
      this.#options.log.warn(doubt, 'the machine is said to be where it does not answer: not believed');
    return false;
  }
}
