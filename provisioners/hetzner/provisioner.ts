import { setMaxListeners } from 'node:events';
import { gathered } from '../../src/provisioner/cloud/gather.ts';
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
import { createCatalogue } from './catalogue.ts';
import { checkTarget } from './check.ts';
import { createMachine } from './create.ts';
import { destroyMachine, removeTwin } from './destroy.ts';
import { createFacts } from './facts.ts';
import { findOwned } from './find.ts';
import { createFleet } from './fleet.ts';
import { isBlocked, toInstance } from './instance.ts';
import { createProjectKey } from './keys.ts';
import { findLeftovers } from './leftovers.ts';
import { newPassword } from './password.ts';
import { gone, switchOff, switchOn } from './power.ts';
import type { Project } from './project.ts';
import { createReader } from './reader.ts';
import { settleIn, suspended, suspendedInstance, thaw } from './resume.ts';
import type { HetznerSettings } from './schema.ts';
import { createStock } from './stock.ts';
import { dropSnapshots, freeze } from './suspend.ts';
import type { Target } from './target.ts';
import { MAX_USER_DATA_BYTES } from './user-data.ts';

export interface HetznerInput {
  readonly project: Project;
  readonly deps: PluginDeps;
  readonly settings: HetznerSettings;
  /** Called by `close`. */
  readonly release?: () => Promise<void>;
}

/** Everything that the contract has except what needs a hand inside the machine; `newPassword` where the images run the guest agent. */
export type HetznerProvisioner = Required<
  Omit<Provisioner, 'setKeys' | 'setPassword' | 'newPassword' | 'runScript' | 'cloudInit' | 'adoptable' | 'adopt'>
> &
  Pick<Provisioner, 'newPassword'>;

/** A Hetzner Cloud project as a backend: one cloud server for each machine. */
export function openHetzner({ project, deps, settings, release }: HetznerInput): HetznerProvisioner {
  const closing = new AbortController();
  // Every request that several wait for listens to it; a burst has many.
  setMaxListeners(0, closing.signal);
  const target = assemble({ project, deps, settings }, closing.signal);

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
      settings: ['image', 'server_type', 'location'],
      loginUser: true,
      userData: { maxBytes: MAX_USER_DATA_BYTES, user: settings.ssh_user },
      hostKey: true,
      // The platform makes machines at Hetzner too: whatever is not listed may be one that it makes itself.
      offerings: settings.offerings,
    },
    check: (ctx) => checkTarget(target, project.budget, ctx),
    create: (order, op) =>
      changing(async () =>
        toInstance(await createMachine(target, order, op), order.stamp, order.user ?? settings.ssh_user),
      ),
    destroy: (ref, op) => changing(() => destroyMachine(target, ref, op)),
    removeTwin: (twin, keep, op) => changing(() => removeTwin(target, twin, keep, op)),
    stop: (ref, op) => changing(() => stop(target, ref, op)),
    start: (ref, op) => changing(() => start(target, ref, op)),
    observe: (ref, ctx) => observe(target, ref, ctx),
    ...createFacts(target),
    // The API's password is root's.
    ...(settings.guest_agent === 'present' && settings.ssh_user === 'root'
      ? { newPassword: (ref, op) => newPassword(target, ref, op) }
      : {}),
    async close() {
      closing.abort(new Error('the target was closed'));
      await release?.();
    },
  };
}

async function stop(target: Target, ref: OwnedRef, op: Operation): Promise<void> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const server = await findOwned(target, ref, asking);
  if (server === undefined) {
    if (await suspended(target, ref, asking)) return;
    throw gone();
  }
  const off = await switchOff(target, server, ref.stamp, op);
  if (target.settings.suspend === 'snapshot') await freeze(target, off, ref.stamp, op);
}

async function start(target: Target, ref: OwnedRef, op: Operation): Promise<Instance> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const server = await findOwned(target, ref, asking);
  if (server === undefined) {
    const snapshot = await suspended(target, ref, asking);
    if (snapshot === undefined) throw gone();
    return toInstance(await thaw(target, snapshot, ref, op), ref.stamp, target.settings.ssh_user);
  }
  // Where a suspension was broken off, its snapshot is out of date from now on.
  await dropSnapshots(target, ref.stamp, { takenOf: server.id }, asking);
  const running = await switchOn(target, server, ref.stamp, op);
  return toInstance(await settleIn(target, running, ref.stamp, asking), ref.stamp, target.settings.ssh_user);
}

async function observe(target: Target, ref: OwnedRef, { signal }: CallContext): Promise<Observed> {
  const asking = { lane: 'look', signal } as const;
  try {
    const server = await findOwned(target, ref, asking);
    if (server !== undefined) {
      const instance = toInstance(server, ref.stamp, target.settings.ssh_user);
      return { state: 'present', instance, ...(isBlocked(server) ? { unhealthy: BLOCKED } : {}) };
    }
  } catch (error) {
    if (!(error instanceof ProvisionerError) || error.kind !== 'not-ours') throw error;
    return { state: 'unknown', why: error.message };
  }
  const snapshot = await suspended(target, ref, asking);
  const instance = snapshot && suspendedInstance(snapshot, ref.stamp, target.settings.ssh_user);
  return instance === undefined ? { state: 'absent' } : { state: 'present', instance };
}

const BLOCKED = 'Hetzner has blocked an address of this machine because of abuse: see the mail to the account';

function assemble(
  { project, deps, settings }: Pick<HetznerInput, 'project' | 'deps' | 'settings'>,
  closing: AbortSignal,
): Target {
  const { client, api, actions } = project;
  const { clock, agent, log } = deps;
  return {
    settings,
    agent,
    clock,
    log,
    client,
    api,
    actions,
    reader: createReader(api, clock, closing),
    catalogue: createCatalogue(client, clock, closing),
    key: createProjectKey(client, closing, settings.ssh_key),
    stock: createStock(clock),
    fleet: createFleet({ api, client, clock, agent, closing }),
    leftovers: gathered(clock, closing, 'what servers left was listed', (asking) =>
      findLeftovers(client, agent, asking),
    ),
  };
}
