import { createHash, randomBytes } from 'node:crypto';
import { networkOrder } from '../../agent/index.ts';
import type { Config, TargetConfig } from '../../config/types.ts';
import { systemGuest, waitUntilReady } from '../../guest/index.ts';
import {
  type AgentId,
  type Capabilities,
  type ContractId,
  type Finding,
  type Instance,
  isProvisionerError,
  type Log,
  type MachineOrder,
  machineName,
  type OperationId,
  type Provisioner,
  type ProvisionerPlugin,
  type SshEndpoint,
  type StaticAddress,
  sleep,
  systemClock,
  systemRandom,
} from '../../provisioner/index.ts';
import { registerSecret } from '../../telemetry/secrets.ts';
import { causes, Failure } from '../failure.ts';
import { trialSshKey } from './key.ts';
import { saveTrial, type TrialRecord } from './record.ts';
import { removeTrial } from './remove.ts';

export interface TrialInput {
  readonly config: Config;
  readonly target: TargetConfig;
  /** The real agent's id; the machine is stamped with one derived from it. */
  readonly agent: AgentId;
  readonly plugins: ReadonlyMap<string, ProvisionerPlugin>;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly sshPubkey?: string | undefined;
  readonly keep?: 'keep' | undefined;
  readonly sizes?: { readonly cpuCores?: number; readonly memoryMb?: number; readonly storageGb?: number };
  readonly timeoutMs?: number;
  readonly tell?: (event: TrialEvent) => void;
  /** An address for the machine, asked for where the target takes one. */
  readonly address?: () => Promise<StaticAddress | undefined>;
  /** Goes to the new machine as its tenant would, where that is not straight. */
  readonly reach?: (instance: Instance, contract: ContractId, doing: Reaching) => Promise<void>;
}

export interface Reaching {
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
  /** Resolves once a login is accepted there; at once where the backend's word is enough. */
  readonly loggedIn: (ssh: SshEndpoint | undefined) => Promise<void>;
}

/** One line of the time line; `ms` since the run began. */
export interface TrialEvent {
  readonly ms: number;
  readonly text: string;
}

export interface TrialOutcome {
  readonly ok: boolean;
  readonly finding: Finding;
  readonly contract: string;
  readonly events: readonly TrialEvent[];
  readonly instance?: Omit<Instance, 'rootPassword'>;
  /** The machine may still be there. */
  readonly left?: string;
}

/**
 * Makes one machine on a target the way a contract would, waits until it is usable, removes it. Its stamp is of a name space of
 * its own (agent id and contract id are derived), so that neither a running agent nor the platform takes it for theirs.
 * Never throws for what the backend does; throws when the run cannot even be noted.
 */
export async function runTrial(input: TrialInput): Promise<TrialOutcome> {
  const sshKey = await trialSshKey(input.sshPubkey);
  const began = systemClock.monotonic();
  const events: TrialEvent[] = [];
  const tell = (text: string): void => {
    const event = { ms: Math.round(systemClock.monotonic() - began), text };
    events.push(event);
    input.tell?.(event);
  };
  const plugin = input.plugins.get(input.target.type);
  if (plugin === undefined) throw new Failure({ what: `this agent has no provisioner of type ${input.target.type}` });
  let record = newRecord(input);
  const save = async (change: Partial<TrialRecord>): Promise<void> => {
    record = { ...record, ...change };
    await saveTrial(input.config.agent.stateDir, record);
  };
  const agent = record.agent as AgentId;
  const deps = { agent, target: input.target.name, clock: systemClock, random: systemRandom, log: input.log };
  const provisioner = await plugin.open(input.target.settings, deps);
  const deadline = AbortSignal.any([input.signal, AbortSignal.timeout(input.timeoutMs ?? 600_000)]);
  let problem: string | undefined;
  let instance: Instance | undefined;
  let left: string | undefined;
  try {
    const address = provisioner.capabilities.address === undefined ? undefined : await input.address?.();
    await save(address === undefined ? {} : { ipv4: address.ipv4 });
    try {
      tell(`making ${machineName(record.contract as ContractId)} on ${input.target.name}`);
      instance = await make(provisioner, { input, record: () => record, address, sshKey, deadline, save, tell });
      if (instance.rootPassword !== undefined) registerSecret(instance.rootPassword.reveal());
      await save({ externalId: instance.externalId });
      tell(`made: ${instance.externalId}`);
      const loggedIn = async (ssh: SshEndpoint | undefined): Promise<void> => {
        await useable(provisioner, ssh, sshKey, deadline);
        tell(ssh ? `usable: ssh -p ${ssh.port} ${ssh.user}@${ssh.host}` : 'usable');
      };
      if (input.reach === undefined) await loggedIn(instance.ssh);
      else await input.reach(instance, record.contract as ContractId, { signal: deadline, tell, loggedIn });
    } catch (error) {
      problem = deadline.aborted && !input.signal.aborted ? 'it took too long' : causes(error).join(': ');
      tell(`failed: ${problem}`);
    }
    if (input.keep === 'keep' && problem === undefined) {
      const { pid: _pid, ...kept } = record;
      await saveTrial(input.config.agent.stateDir, kept);
      tell('kept');
    } else {
      left = await removeTrial(provisioner, record, input.config.agent.stateDir, input.log, tell);
    }
  } finally {
    await provisioner.close?.();
  }
  return outcome(input, record, events, problem, instance, left);
}

function newRecord(input: TrialInput): TrialRecord {
  const contract = digest(`dc-agent test-provision ${randomBytes(16).toString('hex')}`);
  return {
    version: 1,
    target: input.target.name,
    agent: digest(`dc-agent test-provision agent ${input.agent}`),
    contract,
    operation: randomBytes(16).toString('hex'),
    handles: {},
    pid: process.pid,
    at: Date.now(),
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface Making {
  readonly input: TrialInput;
  readonly record: () => TrialRecord;
  readonly address: StaticAddress | undefined;
  readonly sshKey: string;
  readonly deadline: AbortSignal;
  readonly save: (change: Partial<TrialRecord>) => Promise<void>;
  readonly tell: (text: string) => void;
}

/** Repeats what may be repeated, as the agent would, so that a busy backend is not taken for a broken one. */
async function make(provisioner: Provisioner, making: Making): Promise<Instance> {
  const { record, deadline, save, tell } = making;
  let outcomeUnknown = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await provisioner.create(orderOf(making, provisioner.capabilities), {
        id: record().operation as OperationId,
        attempt,
        outcomeUnknown,
        handles: record().handles,
        remember: (key, value) => save({ handles: { ...record().handles, [key]: value } }),
        signal: deadline,
        log: making.input.log,
      });
    } catch (error) {
      const kind = isProvisionerError(error) ? error.kind : undefined;
      if (deadline.aborted || (kind !== 'retry' && kind !== 'throttled' && kind !== 'unknown-outcome')) throw error;
      outcomeUnknown ||= kind === 'unknown-outcome';
      tell(`attempt ${attempt}: ${causes(error).join(': ')}; trying again`);
      await sleep(systemClock, Math.min(1000 * 2 ** (attempt - 1), 15_000), deadline);
    }
  }
}

function orderOf({ input, record, address, sshKey }: Making, capabilities: Capabilities): MachineOrder {
  const contract = record().contract as ContractId;
  const operation = record().operation as OperationId;
  const network = address === undefined ? undefined : networkOrder(operation, address, capabilities);
  return {
    stamp: { agent: record().agent as AgentId, contract, operation },
    name: machineName(contract),
    offering: 'dc-agent-test-provision',
    sshKey,
    settings: {},
    ...(address === undefined ? {} : { address }),
    ...(network === undefined ? {} : { network }),
    ...input.sizes,
  };
}

/** What the agent demands before it reports a machine: an accepted login, unless the backend's word is enough. */
async function useable(
  provisioner: Provisioner,
  ssh: SshEndpoint | undefined,
  sshKey: string,
  signal: AbortSignal,
): Promise<void> {
  if (provisioner.capabilities.readiness === 'backend') return;
  if (ssh === undefined) throw new Error('the backend gave no address to log in at');
  const found = await waitUntilReady({
    clock: systemClock,
    random: systemRandom,
    deadlineMs: 600_000,
    signal,
    probe: (inner, line) => systemGuest.probeSsh({ ...ssh, sshKey, timeoutMs: 10_000 }, inner, line),
  });
  if (found.state === 'ready') return;
  throw new Error(found.state === 'not-yet' ? `SSH did not come up: ${found.why}` : `SSH: ${found.state}`);
}

function outcome(
  input: TrialInput,
  record: TrialRecord,
  events: readonly TrialEvent[],
  problem: string | undefined,
  instance: Instance | undefined,
  left: string | undefined,
): TrialOutcome {
  const ok = problem === undefined && left === undefined;
  const where = `on target ${input.target.name}`;
  const took = `${((events.at(-1)?.ms ?? 0) / 1000).toFixed(1)} s`;
  const finding: Finding = ok
    ? {
        level: 'pass',
        code: 'test-provision',
        title: `A machine was made ${where}${input.keep ? '' : ' and removed'} in ${took}.`,
      }
    : {
        level: 'fail',
        code: left === undefined ? 'test-provision.failed' : 'test-provision.left',
        title:
          left === undefined
            ? `No usable machine ${where}: ${problem}`
            : `A test machine may be left ${where}: ${left}`,
        remedy: left === undefined ? 'See dc-agent doctor for this target.' : 'dc-agent test-provision --cleanup',
      };
  if (instance === undefined) return { ok, finding, contract: record.contract, events, ...(left ? { left } : {}) };
  const { rootPassword: _secret, ...shown } = instance;
  return { ok, finding, contract: record.contract, events, instance: shown, ...(left ? { left } : {}) };
}
