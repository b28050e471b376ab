import { createHash } from 'node:crypto';
import type { SandboxState } from '../../simulators/sandbox/state.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import type { ContractEvent } from '../../src/lifecycle/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Disk } from '../../src/ports/disk.ts';
import type { AgentId, ContractId, ExternalId, OperationId, TargetName } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Market } from './market.ts';
import { SSH_KEY } from './market.ts';

const KEY = SSH_KEY.split(' ').slice(0, 2).join(' ');

interface Owned {
  readonly contract: ContractId;
  readonly operation: OperationId;
  readonly machine: string;
  readonly port: number;
}

/** Machine number `index` of an agent: the same ids in the ledger, at the platform and on the backend. */
function owned(index: number): Owned {
  const digest = createHash('sha256').update(`machine ${index}`).digest('hex');
  return {
    contract: digest as ContractId,
    operation: digest.slice(0, 32) as OperationId,
    machine: String(100_000 + index),
    port: 1_024 + (index % 60_000),
  };
}

/** What the journal holds of one contract that was delivered without any trouble. */
function story({ contract, operation, machine, port }: Owned, now: number): ContractEvent[] {
  const instance = {
    externalId: machine as ExternalId,
    ipv4: '127.0.0.1',
    ssh: { host: '127.0.0.1', port, user: 'root' },
    additionalDetails: `Machine ${contract.slice(0, 8)}.`,
  };
  const step = (name: 'claim' | 'announce' | 'create' | 'verify' | 'deliver' | 'release'): ContractEvent[] => [
    { type: 'intent', step: name, attempt: 1 },
    ...(name === 'create' ? [{ type: 'handle', key: 'machine', value: machine } as const] : []),
    { type: 'done', step: name, ...(name === 'create' ? { instance } : {}) },
  ];
  return [
    {
      type: 'admitted',
      target: 'sandbox' as TargetName,
      operation,
      order: { offering: 'bench', sshKey: KEY, cpuCores: 1, memoryMb: 512, storageGb: 5, settings: {} },
      deadlineAt: now + 3_300_000,
    },
    ...(['claim', 'announce', 'create', 'verify', 'deliver', 'release'] as const).flatMap(step),
  ];
}

/** Writes the journal of `count` delivered contracts, from number `first` on, without a snapshot. */
export async function writeLedger(
  disk: Disk,
  directory: string,
  clock: Clock,
  count: number,
  first = 0,
): Promise<Ledger> {
  const ledger = await openLedger({ disk, directory, clock, log: silentLog });
  const written: Promise<void>[] = [];
  for (let index = first; index < first + count; index++) {
    const one = owned(index);
    written.push(ledger.append(one.contract, ...story(one, clock.now())));
  }
  await Promise.all(written);
  return ledger;
}

/** The same contracts as the platform and the backend have them. */
export function fillMarket(market: Market, agent: AgentId, clock: Clock, count: number, first = 0): void {
  const template = market.rent();
  market.platform.contracts.delete(template.id);
  const machines: SandboxState['machines'][number][] = [];
  for (let index = first; index < first + count; index++) {
    const { contract, operation, machine, port } = owned(index);
    market.platform.contracts.set(contract, { ...template, id: contract, status: 'active' });
    machines.push({
      id: machine,
      uid: contract.slice(0, 32),
      name: `dc-${contract.slice(0, 16)}`,
      labels: { 'dc-agent-id': agent, 'dc-contract-id': contract, 'dc-operation-id': operation },
      cpuCores: 1,
      memoryMb: 512,
      diskGb: 5,
      createdAt: clock.now(),
      node: 'node-1',
      state: 'running',
      hostname: `dc-${contract.slice(0, 16)}`,
      authorizedKeys: [KEY],
      sshPort: port,
      extraBytesIn: 0,
      extraBytesOut: 0,
      startedMsAgo: 60_000,
      sshReadyInMs: -59_000,
    });
  }
  market.backend.restore({ format: 1, savedAt: clock.now(), machines });
}
