import type { ContractRecord, InstanceData, OrderData } from '../lifecycle/index.ts';
import type { Capabilities, Provisioner } from '../provisioner/contract.ts';
import { userName } from '../provisioner/settings.ts';

/** The key of provisioner_config and instance_config that names the login user. */
const KEY = 'ssh_user';

/**
 * Takes the login user out of an order's settings, where the target sees to one; elsewhere the setting is the plugin's own. `refused` says
 * what the provider has to mend.
 */
export function readLoginUser(
  order: OrderData,
  { loginUser }: Pick<Capabilities, 'loginUser'>,
): { readonly order: OrderData } | { readonly refused: string } {
  const { [KEY]: wanted, ...settings } = order.settings;
  if (loginUser !== true || wanted === undefined || wanted === null) return { order };
  const user = userName().safeParse(wanted);
  if (!user.success) return { refused: `${KEY} of the offering or the contract: expected the name of a Linux user` };
  return { order: { ...order, settings, user: user.data } };
}

/**
 * A machine as its tenant is told of it. Whom it was made for, else who was told once, stays its user: another setting of the target's
 * changes none that is in use.
 */
export function asTold<Seen extends InstanceData>(seen: Seen, user: string | undefined): Seen {
  return seen.ssh === undefined || user === undefined ? seen : { ...seen, ssh: { ...seen.ssh, user } };
}

interface Asked {
  readonly target: {
    readonly can: { readonly setPassword: boolean };
    readonly provisioner: Pick<Provisioner, 'setPassword'>;
  };
  readonly record: ContractRecord;
}

/** Why a machine's tenant can have no new password; undefined when that is possible. */
export function passwordProblem({ target, record }: Asked): string | undefined {
  if (!target.can.setPassword) return 'this backend cannot set passwords';
  const byBackend = target.provisioner.setPassword === undefined;
  // Clouds make one for their images' own user; whom an order's cloud-init has made beside is none of their business.
  const { user = 'root' } = record.order;
  return byBackend && user !== 'root'
    ? `this backend makes passwords for root only, and this machine's tenant logs in as ${user}`
    : undefined;
}
