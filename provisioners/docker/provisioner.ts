import {
  type CallContext,
  type Capabilities,
  type CloudInitState,
  type ExternalId,
  type Finding,
  type GuestScript,
  type Instance,
  type Inventory,
  isProvisionerError,
  type Listing,
  type MachineOrder,
  type Observed,
  type Operation,
  type OwnedRef,
  type PluginDeps,
  type Provisioner,
  ProvisionerError,
  type ScriptEnd,
  type Secret,
  sleep,
} from '../../src/provisioner/index.ts';
import { setKeys, setPassword } from './access.ts';
import { checkTarget } from './check.ts';
import { EngineClient } from './client.ts';
import { lookAtCloudInit } from './cloud-init.ts';
import { createMachine } from './create.ts';
import { Engine } from './engine.ts';
import { refused } from './errors.ts';
import { EngineFacts } from './facts.ts';
import { readHostKey } from './host-key.ts';
import { ailment, inspectedInstance, listedInstance } from './instance.ts';
import { takeInventory } from './inventory.ts';
import { startOnNetwork } from './network.ts';
import { findAllOwned, findOwned, requireOwned } from './owned.ts';
import { runScript } from './recipe.ts';
import { type DockerSettings, socketPath } from './schema.ts';
import { LABEL, readStamp } from './stamp.ts';
import { type CountedTraffic, readTraffic } from './traffic.ts';
import { type MachineEvent, watchMachines } from './watch.ts';
import type { InspectedContainer } from './wire.ts';

/** How long opening waits for an engine that may be down; the target opens either way. */
const OPEN_TIMEOUT_MS = 3_000;
/** A killed container is gone within a second or two; its file system may take longer on a slow disk. */
const REMOVAL_TIMEOUT_MS = 60_000;

/** Docker Engine as a backend: one container per machine. */
export class DockerProvisioner implements Provisioner {
  readonly #engine: Engine;
  readonly #settings: DockerSettings;
  readonly #deps: PluginDeps;
  readonly #facts = new EngineFacts();
  readonly #reservedPorts = new Set<number>();

  constructor(settings: DockerSettings, deps: PluginDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#engine = new Engine(
      new EngineClient({
        socketPath: socketPath(settings),
        clock: deps.clock,
        timeoutMs: settings.call_timeout_seconds * 1000,
      }),
    );
  }

  /** Learns what the engine can do. An engine that is down is no reason to fail: it is learnt with the next call. */
  async prepare(): Promise<void> {
    try {
      await this.#facts.learn(await this.#engine.info(new AbortController().signal, OPEN_TIMEOUT_MS));
    } catch (error) {
      if (!isProvisionerError(error)) throw error;
      this.#deps.log.warn({ err: error }, 'docker: engine does not answer');
    }
  }

  /** May change once the engine has answered for the first time. */
  get capabilities(): Capabilities {
    const why = this.#settings.disk_limit === 'off' ? "disk_limit is 'off'" : this.#facts.noDiskLimit;
    return {
      readiness: 'ssh',
      settings: ['image'],
      loginUser: true,
      ...(why === undefined ? {} : { noDiskLimit: why }),
    };
  }

  async check(ctx: CallContext): Promise<Finding[]> {
    return checkTarget(this.#engine, this.#settings, this.#facts, ctx);
  }

  async inventory(ctx: CallContext): Promise<Inventory> {
    return takeInventory(this.#engine, this.#settings, this.#facts, ctx);
  }

  async list(ctx: CallContext): Promise<Listing> {
    const ours = { [LABEL.agent]: 'true', [LABEL.agentId]: this.#deps.agent };
    const { containers, unreadable } = await this.#engine.list(ours, ctx.signal);
    const instances = containers.flatMap((container) => {
      const stamp = readStamp(container.Labels);
      return stamp === undefined ? [] : [listedInstance(container, stamp, this.#settings)];
    });
    return { complete: unreadable === 0 && instances.length === containers.length, instances };
  }

  async create(order: MachineOrder, op: Operation): Promise<Instance> {
    const container = await createMachine(
      { engine: this.#engine, settings: this.#settings, reservedPorts: this.#reservedPorts, facts: this.#facts },
      order,
      op,
    );
    const instance = this.#instance(container, { stamp: order.stamp, handles: {} });
    const hostKey = await readHostKey(this.#engine, container.Id, op.signal);
    return hostKey === undefined ? instance : { ...instance, hostKey };
  }

  async observe(ref: OwnedRef, ctx: CallContext): Promise<Observed> {
    const container = await findOwned(this.#engine, ref, ctx.signal);
    if (container === undefined) return { state: 'absent' };
    const unhealthy = ailment(container);
    return {
      state: 'present',
      instance: this.#instance(container, ref),
      ...(unhealthy === undefined ? {} : { unhealthy }),
    };
  }

  async start(ref: OwnedRef, op: Operation): Promise<Instance> {
    const container = await requireOwned(this.#engine, ref, op.signal);
    if (container.State.Status === 'paused') {
      await this.#engine.unpause(container.Id, op.signal);
    } else {
      const refusal = await startOnNetwork(this.#engine, container.Id, this.#settings, op.signal);
      // The tenant knows this port, so the machine waits for it rather than getting another.
      if (refusal !== undefined) throw refused(refusal);
    }
    return this.#instance(await requireOwned(this.#engine, withId(ref, container), op.signal), ref);
  }

  async stop(ref: OwnedRef, op: Operation): Promise<void> {
    const { Id, State } = await requireOwned(this.#engine, ref, op.signal);
    // A paused process cannot react to the signal to end.
    if (State.Status === 'paused') await this.#engine.unpause(Id, op.signal);
    const { stop_grace_seconds: grace, call_timeout_seconds: timeout } = this.#settings;
    await this.#engine.stop(Id, grace, op.signal, timeout * 1000);
  }

  async destroy(ref: OwnedRef, op: Operation): Promise<void> {
    const deadline = this.#deps.clock.monotonic() + REMOVAL_TIMEOUT_MS;
    for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
      const left = await findAllOwned(this.#engine, ref, op.signal);
      if (left.length === 0) return;
      if (this.#deps.clock.monotonic() > deadline) {
        throw new ProvisionerError(
          'retry',
          `Docker has not removed container ${left[0]?.Id.slice(0, 12)} within a minute`,
        );
      }
      for (const { Id } of left) await this.#remove(Id, op);
      if ((await findAllOwned(this.#engine, ref, op.signal)).length === 0) return;
      await this.#pause(pauseMs, op.signal);
    }
  }

  async setKeys(ref: OwnedRef, keys: readonly string[], op: Operation): Promise<void> {
    await setKeys(this.#engine, ref, keys, op);
  }

  async setPassword(ref: OwnedRef, password: Secret, op: Operation): Promise<{ readonly user: string }> {
    return setPassword(this.#engine, ref, password, op);
  }

  async runScript(ref: OwnedRef, script: GuestScript, op: Operation): Promise<ScriptEnd> {
    return runScript({ engine: this.#engine, clock: this.#deps.clock }, ref, script, op);
  }

  async cloudInit(ref: OwnedRef, ctx: CallContext): Promise<CloudInitState> {
    return lookAtCloudInit(this.#engine, ref, ctx);
  }

  async traffic(ctx: CallContext): Promise<CountedTraffic[]> {
    return readTraffic(this.#engine, this.#deps.agent, ctx);
  }

  /** Not in the contract: changes as they happen, from `sinceMs` on (default: now). See watch.ts. */
  watch(signal: AbortSignal, sinceMs = this.#deps.clock.now()): AsyncGenerator<MachineEvent, void, undefined> {
    return watchMachines(this.#engine, this.#deps.agent, sinceMs, signal);
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  /** A lost answer is no failure here: whether the container is gone is read back in any case. */
  async #remove(id: string, op: Operation): Promise<void> {
    try {
      await this.#engine.remove(id, op.signal);
    } catch (error) {
      if (!isProvisionerError(error) || error.kind !== 'unknown-outcome' || op.signal.aborted) throw error;
      op.log.warn({ err: error }, 'docker: answer lost while removing, looking again');
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.#deps.clock, ms, signal);
    } catch (cause) {
      throw new ProvisionerError('unknown-outcome', 'Cancelled while Docker removes a container', { cause });
    }
  }

  #instance(container: InspectedContainer, { stamp }: OwnedRef): Instance {
    return inspectedInstance(container, stamp, this.#settings, this.#deps.clock.now());
  }
}

function withId(ref: OwnedRef, container: InspectedContainer): OwnedRef {
  return { ...ref, externalId: container.Id as ExternalId };
}
