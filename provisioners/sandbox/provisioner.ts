import {
  type CallContext,
  type CloudInitState,
  type ExternalId,
  type GuestScript,
  type Instance,
  type MachineOrder,
  type Operation,
  type OwnedRef,
  type OwnerStamp,
  type PluginDeps,
  type Provisioner,
  ProvisionerError,
  type ScriptEnd,
} from '../../src/provisioner/index.ts';
import { createSandboxClient, type MachineConfig } from './client.ts';
import { converge, type Move, pause } from './converge.ts';
import { createFacts } from './facts.ts';
import { findByStamp } from './find.ts';
import type { Machine, SandboxSettings } from './schema.ts';
import { runScript } from './script.ts';
import { carries, stampLabels, toInstance } from './stamp.ts';
import type { SandboxTransport } from './transport.ts';

export interface SandboxInput {
  readonly transport: SandboxTransport;
  readonly deps: PluginDeps;
  readonly settings: SandboxSettings;
  /** Called by `close`. */
  readonly release?: () => Promise<void>;
}

/** The handle under which a machine's id is remembered. */
const MACHINE = 'machine';

/** Nothing else makes machines in a sandbox, so there is nothing to adopt. */
export type SandboxProvisioner = Required<
  Omit<Provisioner, 'newPassword' | 'runScript' | 'cloudInit' | 'adoptable' | 'adopt'>
> &
  Pick<Provisioner, 'runScript' | 'cloudInit'>;

/** The sandbox behind any transport: a socket, or the core itself under a virtual clock. */
export function openSandbox({ transport, deps, settings, release }: SandboxInput): SandboxProvisioner {
  const { clock, agent } = deps;
  const client = createSandboxClient(transport, clock, settings);
  const startLimitMs = settings.start_timeout_seconds * 1000;

  async function create(order: MachineOrder, op: Operation): Promise<Instance> {
    const knownId = op.handles[MACHINE];
    const mayExist = op.attempt > 1 || op.outcomeUnknown || knownId !== undefined;
    const before = mayExist ? await adopt(order.stamp, knownId, op) : undefined;
    const id = before?.id ?? (await make(order, op));
    if (id !== knownId) await op.remember(MACHINE, id);
    const machine = await bringUp(id, order, op);
    if (mayExist) await removeTwins(machine, order.stamp, op);
    return toInstance(machine, order.stamp);
  }

  async function make(order: MachineOrder, op: Operation): Promise<string> {
    const made = await client.create(
      {
        name: order.name,
        labels: stampLabels(order.stamp),
        cpu_cores: order.cpuCores ?? settings.default_cpu_cores,
        memory_mb: order.memoryMb ?? settings.default_memory_mb,
        disk_gb: order.storageGb ?? settings.default_storage_gb,
      },
      op.signal,
    );
    if (made !== 'name-taken') return made.id;
    const [own] = await findByStamp(client, clock, order.stamp, op);
    if (own) return own.id;
    throw new ProvisionerError('not-ours', `a machine named ${order.name} exists and does not carry our stamp`);
  }

  /** The machine that an earlier attempt left; broken and dying ones are removed first, of several the oldest stays. */
  async function adopt(stamp: OwnerStamp, knownId: string | undefined, op: Operation): Promise<Machine | undefined> {
    const known = knownId === undefined ? undefined : await client.get(knownId, op.signal);
    const found = known && carries(known, stamp) ? [known] : await findByStamp(client, clock, stamp, op);
    const [usable] = found.filter(isUsable);
    for (const machine of found) if (!isUsable(machine)) await remove(machine.id, stamp, op);
    if (usable) op.log.info({ machine: usable.id, state: usable.state }, 'adopting the machine of an earlier attempt');
    return usable;
  }

  /** A request that was given up may still have been processed: of several machines for one operation one stays. */
  async function removeTwins(keep: Machine, stamp: OwnerStamp, op: Operation): Promise<void> {
    for (const machine of await findByStamp(client, clock, stamp, op)) {
      if (machine.uid === keep.uid) continue;
      op.log.warn({ machine: machine.id }, 'removing a second machine of the same operation');
      await remove(machine.id, stamp, op);
    }
  }

  async function bringUp(id: string, order: MachineOrder, op: Operation): Promise<Machine> {
    const outcome = await converge<Machine | { failed: string }>(
      client,
      clock,
      {
        id,
        stamp: order.stamp,
        name: 'start',
        limitMs: startLimitMs,
        move(machine) {
          if (machine?.state === 'failed') return { done: { failed: machine.failure ?? 'no reason given' } };
          if (machine && isReadyForKey(machine) && !machine.authorized_keys.includes(order.sshKey)) {
            const config = { hostname: order.name, ...firstConfig(order, settings) };
            return { ask: 'configure', act: (signal) => client.configure(machine, config, signal) };
          }
          return up(id, machine);
        },
      },
      op,
    );
    if (!('failed' in outcome)) return outcome;
    await remove(id, order.stamp, op);
    throw new ProvisionerError('retry', `the sandbox could not make the machine: ${outcome.failed}`);
  }

  function up(id: string, machine: Machine | undefined): Move<Machine> {
    if (!machine || machine.state === 'deleting') {
      throw new ProvisionerError('retry', `machine ${id} is not there any more`);
    }
    if (machine.state === 'failed') throw new ProvisionerError('retry', `machine ${id} is broken`);
    if (machine.state === 'stopped') return { ask: 'start', act: (signal) => client.start(machine, signal) };
    if (machine.state === 'running' && machine.ssh) return { done: machine };
    return { wait: 'start' };
  }

  function down(id: string, machine: Machine | undefined): Move<void> {
    if (!machine || machine.state === 'deleting') {
      throw new ProvisionerError('retry', `machine ${id} is not there any more`);
    }
    if (machine.state === 'stopped' || machine.state === 'failed') return { done: undefined };
    if (machine.state === 'running' || machine.state === 'starting') {
      return { ask: 'stop', act: (signal) => client.stop(machine, signal) };
    }
    return { wait: 'stop' };
  }

  async function remove(id: string, stamp: OwnerStamp, ctx: CallContext): Promise<void> {
    await converge<void>(
      client,
      clock,
      {
        id,
        stamp,
        name: 'go away',
        limitMs: startLimitMs,
        move(machine) {
          if (!machine) return { done: undefined };
          if (machine.state === 'deleting') return { wait: 'deletion' };
          return { ask: 'delete', act: (signal) => client.remove(machine, signal) };
        },
      },
      ctx,
    );
  }

  async function destroy(ref: OwnedRef, op: Operation): Promise<void> {
    const id = idOf(ref);
    let stranger: ProvisionerError | undefined;
    if (id !== undefined) {
      try {
        await remove(id, ref.stamp, op);
      } catch (error) {
        // Another machine has our id now; ours may live under another one.
        if (!(error instanceof ProvisionerError) || error.kind !== 'not-ours') throw error;
        stranger = error;
      }
    }
    // A second machine exists only where an answer was lost, so one more look is enough after a confirmed removal.
    const looks = id === undefined || stranger ? 2 : 1;
    for (;;) {
      const left = await findByStamp(client, clock, ref.stamp, op, looks);
      if (left.length === 0) break;
      stranger = undefined;
      for (const machine of left) await remove(machine.id, ref.stamp, op);
      await pause(clock, 100, op.signal);
    }
    if (stranger) throw stranger;
  }

  async function power<T>(
    ref: OwnedRef,
    op: Operation,
    goal: { name: string; limitMs: number; move: (id: string, machine: Machine | undefined) => Move<T> },
  ): Promise<T> {
    const id = idOf(ref) ?? (await findByStamp(client, clock, ref.stamp, op))[0]?.id;
    if (id === undefined) throw new ProvisionerError('retry', 'no machine carries the stamp of this contract');
    return converge(client, clock, { ...goal, id, stamp: ref.stamp, move: (machine) => goal.move(id, machine) }, op);
  }

  async function cloudInit(ref: OwnedRef, ctx: CallContext): Promise<CloudInitState> {
    const id = idOf(ref);
    const machine =
      id === undefined ? (await findByStamp(client, clock, ref.stamp, ctx))[0] : await client.get(id, ctx.signal);
    if (machine === undefined) throw new ProvisionerError('retry', 'the machine of this contract is not there');
    if (!carries(machine, ref.stamp))
      throw new ProvisionerError('not-ours', `machine ${machine.id} does not carry our stamp`);
    const state = machine.cloud_init ?? 'none';
    return state === 'failed' ? { state, why: 'modules-final: it was told to fail' } : { state };
  }

  async function script(ref: OwnedRef, what: GuestScript, op: Operation): Promise<ScriptEnd> {
    const id = idOf(ref);
    const find = async (): Promise<Machine | undefined> => {
      const found =
        id === undefined ? (await findByStamp(client, clock, ref.stamp, op))[0] : await client.get(id, op.signal);
      if (found === undefined || carries(found, ref.stamp)) return found;
      throw new ProvisionerError('not-ours', `machine ${found.id} does not carry our stamp`);
    };
    return runScript(client, clock, find, what, op);
  }

  return {
    capabilities: {
      readiness: 'ssh',
      simulated: true,
      settings: [],
      hostKey: true,
      ...(settings.scripts === 'ssh' ? { userData: { maxBytes: MAX_USER_DATA } } : {}),
    },
    ...(settings.scripts === 'ssh' ? {} : { runScript: script, cloudInit }),
    create,
    destroy,
    async removeTwin(twin, keep, op) {
      if (twin === idOf(keep)) throw new ProvisionerError('permanent', `machine ${twin} is the one to be kept`);
      await remove(twin, keep.stamp, op);
    },
    stop: (ref, op) => power(ref, op, { name: 'stop', limitMs: settings.stop_timeout_seconds * 1000, move: down }),
    async start(ref, op) {
      return toInstance(await power(ref, op, { name: 'start', limitMs: startLimitMs, move: up }), ref.stamp);
    },
    setKeys: (ref, keys, op) =>
      power(ref, op, {
        name: 'take the keys',
        limitMs: startLimitMs,
        move(id, machine) {
          const present = usable(id, machine);
          if (sameKeys(present.authorized_keys, keys)) return { done: undefined };
          return { ask: 'configure', act: (signal) => client.configure(present, { authorized_keys: keys }, signal) };
        },
      }),
    async setPassword(ref, password, op) {
      let taken = false;
      await power(ref, op, {
        name: 'take the password',
        limitMs: startLimitMs,
        move(id, machine) {
          const present = usable(id, machine);
          if (taken) return { done: undefined };
          return {
            ask: 'configure',
            async act(signal) {
              const acceptance = await client.configure(present, { root_password: password.reveal() }, signal);
              taken = acceptance === 'accepted';
              return acceptance;
            },
          };
        },
      });
      return { user: 'root' };
    },
    async observe(ref, ctx) {
      const id = idOf(ref);
      const machine =
        id === undefined ? (await findByStamp(client, clock, ref.stamp, ctx))[0] : await client.get(id, ctx.signal);
      if (!machine) return { state: 'absent' };
      if (!carries(machine, ref.stamp)) {
        return { state: 'unknown', why: `machine ${machine.id} does not carry our stamp` };
      }
      const unhealthy = machine.state === 'failed' ? (machine.failure ?? 'the machine is broken') : undefined;
      const instance = toInstance(machine, ref.stamp);
      return { state: 'present', instance, ...(unhealthy === undefined ? {} : { unhealthy }) };
    },
    ...createFacts(client, agent, settings),
    close: async () => release?.(),
  };
}

/** Larger ones the sandbox refuses. */
const MAX_USER_DATA = 65_536;

/** The tenant's key and the host key, by a document where the machine takes one. */
function firstConfig(order: MachineOrder, settings: SandboxSettings): MachineConfig {
  if (settings.scripts === 'ssh' && order.userData !== undefined) return { user_data: order.userData.reveal() };
  return {
    authorized_keys: [order.sshKey],
    ...(order.hostKey === undefined ? {} : { host_key: order.hostKey.privateKey.reveal() }),
  };
}

function idOf(ref: OwnedRef): string | undefined {
  return ref.externalId ?? (ref.handles[MACHINE] as ExternalId | undefined);
}

function isUsable(machine: Machine): boolean {
  return machine.state !== 'failed' && machine.state !== 'deleting';
}

function usable(id: string, machine: Machine | undefined): Machine {
  if (machine !== undefined && isUsable(machine)) return machine;
  throw new ProvisionerError('retry', `machine ${id} is not there any more`);
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

function isReadyForKey(machine: Machine): boolean {
  return machine.state === 'stopped' || machine.state === 'running';
}
