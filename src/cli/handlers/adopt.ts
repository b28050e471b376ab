import { builtinPlugins } from '../../../provisioners/index.ts';
import type { Config } from '../../config/types.ts';
import { type Ledger, openLedger } from '../../ledger/index.ts';
import { isBehindHost, type RouteData } from '../../lifecycle/index.ts';
import { silentLog } from '../../ports/log.ts';
import { systemDisk } from '../../ports/system-disk.ts';
import {
  type Adoptable,
  type AgentId,
  type OperationId,
  type OwnerStamp,
  type Provisioner,
  systemClock,
  systemRandom,
  type TargetName,
} from '../../provisioner/index.ts';
import { flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { ledgerDirectory } from '../places.ts';
import { readAgentKey } from '../platform.ts';
import { readPortAllocations } from '../port-allocations.ts';
import { pickContract } from '../records.ts';
import { oneLine, table } from '../text/table.ts';

interface Candidate {
  readonly target: TargetName;
  readonly machine: Adoptable;
}

interface Opened {
  readonly name: TargetName;
  readonly provisioner: Provisioner;
}

/**
 * The ledger comes first, in one entry, and the stamp second. Died between them, the agent knows a machine that nothing on the
 * backend gives it a right to touch, and says so; the next call puts the stamp in. The other way round it would be an orphan.
 */
export const adopt: Handler = async (args, io) => {
  const config = await readConfig(args, io);
  const { publicKey: agent } = await readAgentKey(config);
  const targets = await openTargets(config, agent, text(args, 'target'));
  try {
    const chosen = choose(await findAll(targets, io), args.operands);
    const machines = chosen.map(({ target, machine }) => ({ target, ...machine }));
    io.out(flag(args, 'json') ? JSON.stringify(machines, null, 2) : overview(chosen));
    if (flag(args, 'yes')) await takeAll(chosen, { agent, config, targets, io });
    else if (chosen.length > 0)
      io.err('Nothing was changed. To take them over: stop the agent, then dc-agent adopt --yes');
    return EXIT.ok;
  } finally {
    for (const { provisioner } of targets) await provisioner.close?.();
  }
};

async function openTargets(config: Config, agent: AgentId, only: string | undefined): Promise<Opened[]> {
  const chosen = config.targets.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new Failure({ what: `there is no target ${only ?? ''}`, exit: EXIT.usage });
  return Promise.all(
    chosen.map(async ({ name, type, settings }) => {
      const plugin = builtinPlugins.get(type);
      if (plugin === undefined) throw new Error(`target ${name}: no provisioner ${type}`);
      const deps = { agent, target: name, clock: systemClock, random: systemRandom, log: silentLog };
      return { name: name as TargetName, provisioner: await plugin.open(settings, deps) };
    }),
  );
}

async function findAll(targets: readonly Opened[], io: Io): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const { name, provisioner } of targets) {
    const machines = await provisioner.adoptable?.({ signal: io.signal, log: silentLog });
    for (const machine of machines ?? []) found.push({ target: name, machine });
  }
  return found;
}

function choose(found: readonly Candidate[], prefixes: readonly string[]): readonly Candidate[] {
  if (prefixes.length === 0) return found;
  const ids = found.map(({ machine }) => machine.contract);
  const wanted = new Set<string>(prefixes.map((prefix) => pickContract(prefix, ids)));
  return found.filter(({ machine }) => wanted.has(machine.contract));
}

interface Taking {
  readonly agent: AgentId;
  readonly config: Config;
  readonly targets: readonly Opened[];
  readonly io: Io;
}

async function takeAll(candidates: readonly Candidate[], taking: Taking): Promise<void> {
  const ledger = await openLedger({
    disk: systemDisk,
    directory: ledgerDirectory(taking.config.agent.stateDir),
    clock: systemClock,
    log: silentLog,
  });
  try {
    const ports = await knownPorts(taking);
    for (const candidate of candidates) await take(candidate, ledger, { ...taking, ports });
  } finally {
    await ledger.close();
  }
}

/** The reference agent's notes are looked at here and never again: from now on the ledger has the ports. */
async function knownPorts({ config, io }: Taking): Promise<ReadonlyMap<string, RouteData>> {
  const { gateway } = config;
  if (gateway === undefined) return new Map();
  const { routes, unreadable } = await readPortAllocations(gateway.portAllocationsPath);
  if (unreadable > 0) io.err(`${gateway.portAllocationsPath}: ${unreadable} entries make no sense; they are left out.`);
  return routes;
}

async function take(
  { target, machine }: Candidate,
  ledger: Ledger,
  { agent, config, targets, io, ports }: Taking & { readonly ports: ReadonlyMap<string, RouteData> },
): Promise<void> {
  const { contract, externalId } = machine;
  const record = ledger.records.get(contract);
  const open = record?.closedAt === undefined ? record : undefined;
  if (open !== undefined && open.instance?.externalId !== externalId) {
    throw new Failure({
      what: `the ledger knows another machine for contract ${contract}`,
      next: 'See what it says:',
      command: `dc-agent explain ${contract.slice(0, 12)}`,
    });
  }
  const operation = open?.operation ?? (Buffer.from(systemRandom.bytes(16)).toString('hex') as OperationId);
  if (open === undefined) {
    const { ipv4, ssh, sshKey = '' } = machine;
    const instance = { externalId, ...(ipv4 === undefined ? {} : { ipv4 }), ...(ssh === undefined ? {} : { ssh }) };
    const route = isBehindHost(instance) ? ports.get(contract) : undefined;
    if (config.gateway !== undefined && isBehindHost(instance) && route === undefined)
      io.err(`${oneLine(machine.name)}: no ports are known for it, so the agent opens none`);
    await ledger.append(contract, {
      type: 'adopted',
      target,
      operation,
      order: { offering: 'adopted', sshKey, settings: {} },
      instance,
      ...(route === undefined ? {} : { route }),
    });
  }
  const stamp: OwnerStamp = { agent, contract, operation };
  const provisioner = targets.find(({ name }) => name === target)?.provisioner;
  await provisioner?.adopt?.(machine, stamp, { signal: io.signal, log: silentLog });
  io.err(`adopted ${oneLine(machine.name)} (${oneLine(externalId)}) on ${target}`);
}

function overview(candidates: readonly Candidate[]): string {
  if (candidates.length === 0) return 'There is nothing to adopt.';
  const rows = candidates.map(({ target, machine }) => [
    machine.contract.slice(0, 12),
    target,
    oneLine(machine.externalId),
    machine.power,
    oneLine(machine.evidence),
  ]);
  return table(
    ['CONTRACT', 'TARGET', 'MACHINE', 'POWER', 'BECAUSE'].map((title) => ({ title })),
    rows,
  );
}
