import { setMaxListeners } from 'node:events';
import { gathered } from '../../src/provisioner/cloud/gather.ts';
import {
  type CallContext,
  type Observed,
  type OwnedRef,
  type PluginDeps,
  type Provisioner,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Account } from './account.ts';
import { createCatalogue } from './catalogue.ts';
import { checkTarget } from './check.ts';
import { createMachine } from './create.ts';
import { destroyMachine, removeTwin } from './destroy.ts';
import { createFacts } from './facts.ts';
import { findOwned } from './find.ts';
import { createFleet } from './fleet.ts';
import { toInstance } from './instance.ts';
import { createMeter } from './meter.ts';
import { startMachine, stopMachine } from './power.ts';
import { createReader } from './reader.ts';
import type { VultrSettings } from './schema.ts';
import { createStock } from './stock.ts';
import type { Target } from './target.ts';
import { MAX_USER_DATA_BYTES } from './user-data.ts';

export interface VultrInput {
  readonly account: Account;
  readonly deps: PluginDeps;
  readonly settings: VultrSettings;
  /** Called by `close`. */
  readonly release?: () => Promise<void>;
}

/** Everything that the contract has except what needs a hand inside the machine: this API has none. */
export type VultrProvisioner = Required<
  Omit<Provisioner, 'setKeys' | 'setPassword' | 'newPassword' | 'runScript' | 'cloudInit' | 'adoptable' | 'adopt'>
>;

/** A Vultr account as a backend: one cloud instance for each machine. */
export function openVultr({ account, deps, settings, release }: VultrInput): VultrProvisioner {
  const closing = new AbortController();
  // Every request that several wait for listens to it; a burst has many.
  setMaxListeners(0, closing.signal);
  const target = assemble({ account, deps, settings }, closing.signal);

  /** Whatever changes something makes the picture of all machines old, however it ends. */
  async function changing<T>(act: () => Promise<T>): Promise<T> {
    target.fleet.changed();
    try {
      return await act();
    } finally {
      target.fleet.changed();
    }
  }

  return {
    capabilities: {
      readiness: 'ssh',
      settings: ['image', 'plan', 'region'],
      loginUser: true,
      userData: { maxBytes: MAX_USER_DATA_BYTES, user: settings.ssh_user },
      hostKey: true,
      // The platform makes machines at Vultr too: whatever is not listed may be one that it makes itself.
      offerings: settings.offerings,
    },
    check: (ctx) => checkTarget(target, ctx),
    create: (order, op) =>
      changing(async () =>
        toInstance(await createMachine(target, order, op), order.stamp, order.user ?? settings.ssh_user),
      ),
    destroy: (ref, op) => changing(() => destroyMachine(target, ref, op)),
    removeTwin: (twin, keep, op) => changing(() => removeTwin(target, twin, keep, op)),
    stop: (ref, op) => changing(() => stopMachine(target, ref, op)),
    start: (ref, op) => changing(() => startMachine(target, ref, op)),
    observe: (ref, ctx) => observe(target, ref, ctx),
    ...createFacts(target),
    async close() {
      closing.abort(new Error('the target was closed'));
      await release?.();
    },
  };
}

async function observe(target: Target, ref: OwnedRef, { signal }: CallContext): Promise<Observed> {
  try {
    const found = await findOwned(target, ref, { lane: 'look', signal });
    if (found === undefined) return { state: 'absent' };
    const instance = toInstance(found, ref.stamp, target.settings.ssh_user);
    return { state: 'present', instance, ...(found.status === 'suspended' ? { unhealthy: SUSPENDED } : {}) };
  } catch (error) {
    if (!(error instanceof ProvisionerError) || error.kind !== 'not-ours') throw error;
    return { state: 'unknown', why: error.message };
  }
}

const SUSPENDED = 'Vultr has suspended this instance: see the mail to the account';

function assemble(
  { account, deps, settings }: Pick<VultrInput, 'account' | 'deps' | 'settings'>,
  closing: AbortSignal,
): Target {
  const { client, api } = account;
  const { clock, agent, log } = deps;
  return {
    settings,
    agent,
    clock,
    log,
    client,
    api,
    reader: createReader(api, clock, agent, closing),
    askedToStart: new Map(),
    catalogue: createCatalogue(client, clock, closing),
    stock: createStock(clock),
    fleet: createFleet({ api, clock, agent, closing }),
    meter: createMeter(api, clock),
    everything: gathered(clock, closing, 'the account was looked at', (asking) => api.instances([], asking)),
  };
}
