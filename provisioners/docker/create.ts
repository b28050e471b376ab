import {
  isProvisionerError,
  type MachineOrder,
  type Operation,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { isDiskLimitRefused, isNetworkMissing, oneLine, type Refusal, refused } from './errors.ts';
import type { EngineFacts } from './facts.ts';
import { ensureImage } from './image.ts';
import { findUser, orderedUser } from './login-user.ts';
import {
  containerBody,
  firstFiles,
  firstStart,
  type MachinePlan,
  orderedImage,
  startsSshd,
  tenantKey,
} from './machine.ts';
import { ensureNetwork, networkName, startOnNetwork } from './network.ts';
import { notOurs } from './owned.ts';
import { choosePort, takenPorts } from './ports.ts';
import type { DockerSettings } from './schema.ts';
import { readStamp, sameStamp, stampedPort, stampedUser, stampLabels } from './stamp.ts';
import type { InspectedContainer } from './wire.ts';

/** What creates share within one open target. */
export interface CreateContext {
  readonly engine: Engine;
  readonly settings: DockerSettings;
  /** Ports chosen by creates that are under way and do not show in the engine's list yet. */
  readonly reservedPorts: Set<number>;
  readonly facts: EngineFacts;
}

/** Each round makes one step of progress; a lost answer or a taken port costs one more. */
const MAX_ROUNDS = 24;
const MAX_LOST_ANSWERS = 3;

/**
 * Brings one order's container into being and up, from whatever an earlier attempt left: absent, made, made with a port that is
 * taken, off, or running. The engine allows a name once, and a container's stamp and port are read back from its labels, so two
 * attempts that overlap end with the same container.
 */
export async function createMachine(
  ctx: CreateContext,
  order: MachineOrder,
  op: Operation,
): Promise<InspectedContainer> {
  tenantKey(order);
  orderedImage(order, ctx.settings);
  const refusedPorts = new Set<number>();
  const reserved = new Set<number>();
  let lost = 0;
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      try {
        const done = await advance(ctx, order, op, refusedPorts, reserved);
        if (done !== undefined) return done;
      } catch (error) {
        // The answer to a write is gone: the next round looks what became of it.
        const again = isProvisionerError(error) && error.kind === 'unknown-outcome' && !op.signal.aborted;
        if (!again || ++lost > MAX_LOST_ANSWERS) throw error;
        op.log.warn({ err: error }, 'docker: answer lost while creating, looking again');
      }
    }
  } finally {
    for (const port of reserved) ctx.reservedPorts.delete(port);
  }
  throw new ProvisionerError('retry', `Container ${order.name} did not come up in ${MAX_ROUNDS} rounds`);
}

/** One step; the running container when there is nothing left to do. */
async function advance(
  ctx: CreateContext,
  order: MachineOrder,
  op: Operation,
  refusedPorts: Set<number>,
  reserved: Set<number>,
): Promise<InspectedContainer | undefined> {
  const { engine } = ctx;
  const found = await find(engine, order, op);
  if (found === undefined) {
    await make(ctx, order, op, refusedPorts, reserved);
    return undefined;
  }
  switch (found.State.Status) {
    case 'running':
      return found;
    case 'restarting':
      throw new ProvisionerError(
        'config',
        `Container ${order.name} keeps ending with code ${found.State.ExitCode ?? '?'}: its image runs no SSH server in the foreground, see 'start_sshd'`,
      );
    case 'paused':
      await engine.unpause(found.Id, op.signal);
      return undefined;
    case 'removing':
    case 'dead':
      throw new ProvisionerError('retry', `Container ${order.name} is being removed`);
    default:
      return up(ctx, order, op, found, refusedPorts);
  }
}

/** Starts a container that is off. One that never ran gets its first files again: an earlier attempt may have ended before that. */
async function up(
  ctx: CreateContext,
  order: MachineOrder,
  op: Operation,
  container: InspectedContainer,
  refusedPorts: Set<number>,
): Promise<undefined> {
  const { engine, settings } = ctx;
  // Engines differ in the state that a failed first start leaves; the time of the start is never set by one.
  const neverRan = container.State.Status === 'created' || (container.State.StartedAt ?? '').startsWith('0001-');
  if (neverRan) {
    const image = await ensureImage(engine, orderedImage(order, settings), settings, op.signal);
    const user = await findUser(engine, container.Id, stampedUser(container.Config.Labels), op);
    await engine.upload(container.Id, firstFiles(order, firstStart(settings.start_sshd, image), user), op.signal);
  }
  const refusal = await startOnNetwork(engine, container.Id, settings, op.signal);
  if (refusal === undefined) return undefined;
  // A port is fixed when the container is made. Nobody was told of one that never ran, so it may be made anew.
  if (!neverRan || isNetworkMissing(refusal)) throw refused(refusal);
  if (isDiskLimitRefused(refusal)) {
    giveUpDiskLimit(ctx, op, refusal);
  } else {
    const port = stampedPort(container.Config.Labels);
    if (port !== undefined) refusedPorts.add(port);
    op.log.info({ port }, 'docker: host port taken by somebody else, choosing another');
  }
  await engine.removeIdle(container.Id, op.signal);
  return undefined;
}

async function find(engine: Engine, order: MachineOrder, op: Operation): Promise<InspectedContainer | undefined> {
  const named = await engine.inspect(order.name, op.signal);
  if (named !== undefined) {
    if (sameStamp(readStamp(named.Config.Labels), order.stamp)) return named;
    throw notOurs(named);
  }
  if (!op.outcomeUnknown && op.attempt === 1) return undefined;
  // An earlier attempt's container may have been renamed by hand.
  const { containers } = await engine.list(stampLabels(order.stamp), op.signal);
  const [first] = containers;
  return first === undefined ? undefined : engine.inspect(first.Id, op.signal);
}

async function make(
  ctx: CreateContext,
  order: MachineOrder,
  op: Operation,
  refusedPorts: ReadonlySet<number>,
  reserved: Set<number>,
): Promise<void> {
  const { engine, settings } = ctx;
  const imageName = orderedImage(order, settings);
  const image = await ensureImage(engine, imageName, settings, op.signal);
  await ensureNetwork(engine, settings, op.signal);
  const storageGb = await limitedStorage(ctx, order, op.signal);
  const { containers } = await engine.list({}, op.signal);
  // From here to the reservation nothing waits, so two creates cannot choose the same port.
  const taken = new Set([...takenPorts(containers), ...ctx.reservedPorts, ...refusedPorts]);
  const hostPort = choosePort({ start: settings.port_range_start, end: settings.port_range_end }, order.name, taken);
  ctx.reservedPorts.add(hostPort);
  reserved.add(hostPort);
  const plan: MachinePlan = {
    image: imageName,
    cpuCores: order.cpuCores ?? settings.default_cpu_cores,
    memoryMb: order.memoryMb ?? settings.default_memory_mb,
    network: networkName(settings),
    hostPort,
    user: orderedUser(order, settings, image),
    startSshd: startsSshd(settings.start_sshd, image),
    ...(storageGb === undefined ? {} : { storageGb }),
  };
  const answer = await engine.create(order.name, containerBody(order, plan, settings), op.signal);
  if (answer.ok) return;
  if (isDiskLimitRefused(answer.refusal)) return giveUpDiskLimit(ctx, op, answer.refusal);
  // The name is in use: by an attempt of ours that overlapped, or by a stranger. The next round reads whose it is.
  if (!/already in use/i.test(answer.refusal.message)) throw refused(answer.refusal);
}

async function limitedStorage(
  { engine, settings, facts }: CreateContext,
  order: MachineOrder,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (order.storageGb === undefined || settings.disk_limit === 'off') return undefined;
  if (!facts.known) await facts.learn(await engine.info(signal));
  const why = facts.noDiskLimit;
  if (why === undefined) return order.storageGb;
  if (settings.disk_limit === 'auto') return undefined;
  throw new ProvisionerError('config', `disk_limit is 'require', but: ${why}`);
}

/** The storage driver looked able to limit a disk and was not. Remembered, so that capabilities say so from now on. */
function giveUpDiskLimit({ settings, facts }: CreateContext, op: Operation, refusal: Refusal): void {
  if (settings.disk_limit === 'require') throw refused(refusal);
  facts.learnNoDiskLimit(`Docker refused to limit a machine's disk: ${oneLine(refusal.message)}`);
  op.log.warn({ answer: oneLine(refusal.message) }, 'docker: disk size cannot be enforced on this engine');
}
