import { setMaxListeners } from 'node:events';
import { createStock } from '../../src/provisioner/cloud/stock.ts';
import {
  type CallContext,
  type Instance,
  type Observed,
  type Operation,
  type OwnedRef,
  type PluginDeps,
  type Provisioner,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { TokenAccess } from './access.ts';
import { adoptableMachines, adoptMachine } from './adopt.ts';
import { createCatalogue } from './catalogue.ts';
import { checkTarget } from './check.ts';
import { createMachine } from './create.ts';
import { destroyMachine } from './destroy.ts';
import { createFacts } from './facts.ts';
import { findOwned } from './find.ts';
import { createFleet } from './fleet.ts';
import { toInstance } from './instance.ts';
import { createAccountKey } from './keys.ts';
import type { Placement } from './placement.ts';
import { gone, switchOff, switchOn } from './power.ts';
import { createReader } from './reader.ts';
import type { DigitalOceanSettings } from './schema.ts';
import type { Target } from './target.ts';
import { createTraffic } from './traffic.ts';
import { removeTwin } from './twins.ts';
import { MAX_USER_DATA } from './user-data.ts';

export interface DigitalOceanInput {
  readonly access: TokenAccess;
  readonly deps: PluginDeps;
  readonly settings: DigitalOceanSettings;
  /** Called by `close`. */
  readonly release?: () => Promise<void>;
}

/**
 * Everything that the contract has except what needs a hand inside the machine: the API has none there, and a password that it
 * resets is mailed to the account's owner.
 */
export type DigitalOceanProvisioner = Required<
  Omit<Provisioner, 'setKeys' | 'setPassword' | 'newPassword' | 'runScript' | 'cloudInit'>
>;

/** A DigitalOcean account as a backend: one droplet for each machine. */
export function openDigitalOcean({ access, deps, settings, release }: DigitalOceanInput): DigitalOceanProvisioner {
  const closing = new AbortController();
  // Every request that several wait for listens to it; a burst has many.
  setMaxListeners(0, closing.signal);
  const target = assemble({ access, deps, settings }, closing.signal);
  const traffic = createTraffic(target);

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
      settings: ['image', 'size', 'region'],
      loginUser: true,
      userData: { maxBytes: MAX_USER_DATA, user: settings.ssh_user },
      hostKey: true,
    },
    check: (ctx) => checkTarget(target, access.budget, ctx),
    create: (order, op) =>
      changing(async () =>
        toInstance(await createMachine(target, order, op), order.stamp, order.user ?? settings.ssh_user),
      ),
    destroy: (ref, op) => changing(() => destroyMachine(target, ref, op)),
    removeTwin: (twin, keep, op) => changing(() => removeTwin(target, twin, keep, op)),
    stop: (ref, op) => changing(() => stop(target, ref, op)),
    start: (ref, op) => changing(() => start(target, ref, op)),
    observe: (ref, ctx) => observe(target, ref, ctx),
    adoptable: (ctx) => adoptableMachines(target, ctx),
    adopt: (machine, stamp, ctx) => changing(() => adoptMachine(target, machine, stamp, ctx)),
    traffic: (ctx) => traffic.read(ctx),
    ...createFacts(target),
    async close() {
      closing.abort(new Error('the target was closed'));
      await release?.();
    },
  };
}

async function stop(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const droplet = await findOwned(target, ref, { lane: 'make', signal: op.signal });
  if (droplet === undefined) throw gone();
  await switchOff(target, droplet, ref.stamp, op);
}

async function start(target: Target, ref: OwnedRef, op: Operation): Promise<Instance> {
  const droplet = await findOwned(target, ref, { lane: 'make', signal: op.signal });
  if (droplet === undefined) throw gone();
  return toInstance(await switchOn(target, droplet, ref.stamp, op), ref.stamp, target.settings.ssh_user);
}

async function observe(target: Target, ref: OwnedRef, { signal }: CallContext): Promise<Observed> {
  try {
    const droplet = await findOwned(target, ref, { lane: 'look', signal });
    return droplet === undefined
      ? { state: 'absent' }
      : { state: 'present', instance: toInstance(droplet, ref.stamp, target.settings.ssh_user) };
  } catch (error) {
    if (!(error instanceof ProvisionerError) || error.kind !== 'not-ours') throw error;
    return { state: 'unknown', why: error.message };
  }
}

function assemble(
  { access, deps, settings }: Pick<DigitalOceanInput, 'access' | 'deps' | 'settings'>,
  closing: AbortSignal,
): Target {
  const { client, api, actions } = access;
  const { clock, agent, log } = deps;
  return {
    settings,
    agent,
    clock,
    log,
    client,
    api,
    actions,
    reader: createReader(api, clock, agent, closing),
    catalogue: createCatalogue(client, clock, closing),
    key: createAccountKey(client, closing, settings.ssh_key),
    stock: createStock<Placement>(clock, ({ size, region }) => `${size} ${region}`),
    fleet: createFleet({ api, clock, agent, closing }),
  };
}
