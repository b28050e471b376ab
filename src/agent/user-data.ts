import { userData } from '../guest/index.ts';
import type { ContractRecord, OrderData } from '../lifecycle/index.ts';
import { Secret } from '../ports/secret.ts';
import type { Capabilities } from '../provisioner/contract.ts';
import type { AgentDeps } from './deps.ts';
import { agentKeyOf, hostKeyOf } from './machine-keys.ts';

/** The cloud-init document for a contract's machine, the same for every attempt; undefined where the backend takes none. */
export function userDataOf(
  record: ContractRecord,
  { vault }: Pick<AgentDeps, 'vault'>,
  capabilities: Capabilities,
): Secret | undefined {
  if (capabilities.userData === undefined) return undefined;
  const { order, deadlineAt } = record;
  const bySsh = order.recipe?.by === 'ssh';
  const agentKey = bySsh ? { publicKey: agentKeyOf(vault, record).publicKey, until: deadlineAt } : undefined;
  const machine = {
    sshKeys: [order.sshKey],
    hostKey: hostKeyOf(vault, record),
    ...(agentKey === undefined ? {} : { agentKey }),
    ...userOf(capabilities, order),
  };
  return new Secret(userData(machine, order.cloudInit));
}

/** The user that cloud-init has to make; root is there. */
export function userOf({ userData: way }: Capabilities, order: Pick<OrderData, 'user'>): { user?: string } {
  const user = order.user ?? way?.user ?? 'root';
  return user === 'root' ? {} : { user };
}
