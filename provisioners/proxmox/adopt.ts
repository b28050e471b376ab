import {
  type Adoptable,
  type CallContext,
  type ContractId,
  type ExternalId,
  type OperationId,
  ProvisionerError,
  parseContractId,
} from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import type { Backend } from './backend.ts';
import { powerOf, sshUser } from './instance.ts';
import { objection } from './judge.ts';
import { isTemplate, staticIpv4 } from './machine.ts';
import { lookAt } from './sight.ts';
import { isStamped, restamp } from './stamp.ts';
import { viewCluster } from './view.ts';
import type { VmConfig } from './wire.ts';

/** A machine that the reference agent made: it stamps nothing, but its name and its VMID both follow from the contract. */
export interface ReferenceMachine extends VmAt {
  readonly contract: ContractId;
  readonly status: string;
  readonly config: VmConfig;
}

export interface Adoption {
  readonly vmid: number;
  readonly contract: ContractId;
  /** What the machine's stamp will say made it. */
  readonly operation: OperationId;
}

/** The machines of the reference agent that could be adopted, as every backend tells of such. */
export async function adoptableMachines(backend: Backend, ctx: CallContext): Promise<readonly Adoptable[]> {
  const found = await findReferenceMachines(backend, ctx);
  return found.map(({ vmid, contract, status, config }) => {
    const sshKey = firstKey(config['sshkeys']);
    const ipv4 = staticIpv4(config);
    return {
      externalId: String(vmid) as ExternalId,
      contract,
      name: config['name'] ?? '',
      evidence: 'its name and its VMID both follow from the contract, as the reference agent chose them',
      power: powerOf(status, config['lock']),
      ...(sshKey === undefined ? {} : { sshKey }),
      ...(ipv4 === undefined ? {} : { ipv4, ssh: { host: ipv4, port: 22, user: sshUser(config, backend.settings) } }),
    };
  });
}

/** Of the keys on the cloud-init drive, without its comment. */
function firstKey(encoded: string | undefined): string | undefined {
  const text = encoded === undefined ? '' : decodeLoosely(encoded);
  return /^([a-z0-9@.-]+ [A-Za-z0-9+/=]+)/m.exec(text)?.[1];
}

function decodeLoosely(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Set by hand, and no encoding: then it is what it says.
    return encoded;
  }
}

/** Machines of the reference agent that carry no stamp yet. A name alone proves nothing, so the VMID must fit it. */
export async function findReferenceMachines(backend: Backend, ctx: CallContext): Promise<ReferenceMachine[]> {
  const { rows } = await viewCluster(backend, ctx);
  const named = rows.flatMap(({ type, template, vmid, node, name, status }) => {
    const contract = contractOfName(name);
    const fits = type === 'qemu' && !template && contract !== undefined && vmid === referenceVmid(contract);
    return fits ? [{ vmid, node, contract, status }] : [];
  });
  const read = await Promise.all(
    named.map(async (machine) => ({ machine, sight: await lookAt(backend, machine.vmid, ctx, machine.node) })),
  );
  return read.flatMap(({ machine, sight }) =>
    sight.state === 'there' && refusalOf(machine, sight.config) === undefined
      ? [{ ...machine, config: sight.config }]
      : [],
  );
}

/**
 * Makes one machine of the reference agent this agent's, by writing the stamp into its description: what stands there stays. Returns
 * the description as it is or, after `stamp`, was, and as it becomes. Nothing else of the machine changes, running or not. Repeatable
 * with the same stamp. Throws `not-ours` for what is not provably that contract's machine.
 */
export async function adoptMachine(
  backend: Backend,
  { vmid, contract, operation }: Adoption,
  how: 'dry-run' | 'stamp',
  ctx: CallContext,
): Promise<{ readonly before: string; readonly after: string }> {
  const sight = await lookAt(backend, vmid, ctx);
  if (sight.state !== 'there') throw new ProvisionerError('not-ours', `VM ${vmid} is not there, or cannot be seen`);
  const { at, config } = sight;
  const before = config['description'] ?? '';
  if (objection(at, config, { agent: backend.agent, contract, operation }) === undefined)
    return { before, after: before };
  const refusal = refusalOf({ vmid, contract }, config);
  if (refusal !== undefined) throw new ProvisionerError('not-ours', `VM ${vmid} cannot be adopted: ${refusal}`);
  const name = config['name'] ?? '';
  const after = restamp(before, { agent: backend.agent, contract, operation, vmid, name, stage: 'configured' });
  if (how === 'dry-run') return { before, after };
  const digest = config['digest'];
  const change = { set: { description: after }, ...(digest === undefined ? {} : { digest }) };
  await backend.pve.vms.setConfig(at, change, ctx.signal);
  backend.registry.forget(vmid);
  return { before, after };
}

function refusalOf(
  { vmid, contract }: Omit<ReferenceMachine, 'node' | 'status' | 'config'>,
  config: VmConfig,
): string | undefined {
  if (isTemplate(config)) return 'it is a template';
  if (isStamped(config['description'])) return 'it carries a stamp already';
  if (contractOfName(config['name']) !== contract) return `its name is not dc-${contract}`;
  return vmid === referenceVmid(contract) ? undefined : 'its VMID does not belong to this contract';
}

function contractOfName(name: string | undefined): ContractId | undefined {
  return name?.startsWith('dc-') === true ? parseContractId(name.slice(3)) : undefined;
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** 10000 + FNV-1a 64 of the contract's text, modulo 990000: how the reference agent chooses. */
export function referenceVmid(contract: ContractId): number {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(contract)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return 10_000 + Number(hash % 990_000n);
}
