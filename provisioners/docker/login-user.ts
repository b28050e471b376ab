import { type CallContext, type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import { userName } from '../../src/provisioner/settings.ts';
import type { Engine } from './engine.ts';
import type { DockerSettings } from './schema.ts';
import type { InspectedImage } from './wire.ts';

/** By which an image says as whom one logs in to its machines. */
export const USER_LABEL = 'dc-agent.ssh-user';

/** A user of a machine, and where OpenSSH looks for the user's keys. */
export interface LoginUser {
  readonly name: string;
  readonly home: string;
  readonly owner: { readonly uid: number; readonly gid: number };
}

const ROOT: LoginUser = { name: 'root', home: '/root', owner: { uid: 0, gid: 0 } };

/** As whom the tenant of an order logs in: the order's word, the target's, the image's, root. Kept in a label of the machine. */
export function orderedUser(order: MachineOrder, settings: DockerSettings, image: InspectedImage): string {
  return order.user ?? settings.ssh_user ?? labelledUser(image) ?? 'root';
}

function labelledUser({ Config }: InspectedImage): string | undefined {
  const label = Config.Labels?.[USER_LABEL];
  if (label === undefined || label === '') return undefined;
  const user = userName().safeParse(label);
  if (user.success) return user.data;
  throw new ProvisionerError('config', `The image's label ${USER_LABEL} is not the name of a Linux user`);
}

/**
 * That user as the machine's own list of users has it. Nobody has logged in to a machine that never ran, so what it says then is the image's
 * word; later it is the tenant's, and all that is taken from it leads into the tenant's own machine. Throws `permanent` for an image without
 * that user.
 */
export async function findUser(engine: Engine, id: string, name: string, { signal }: Pick<CallContext, 'signal'>) {
  if (name === 'root') return ROOT;
  const list = await engine.inside.read(id, '/etc/passwd', signal);
  const user = parseUsers(list?.content?.toString('latin1') ?? '').find((one) => one.name === name);
  if (user !== undefined) return user;
  throw new ProvisionerError('permanent', `The image has no user '${name}' with a home directory to log in as`, {
    publicText: 'The login user of this offering does not exist in its image.',
  });
}

function parseUsers(text: string): LoginUser[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid = '', gid = '', , home = ''] = line.split(':');
    // Seven octal digits are what an archive has room for.
    const numbers = [uid, gid].map((digits) => (/^[0-9]{1,7}$/.test(digits) ? Number(digits) : undefined));
    const [user, group] = numbers;
    if (
      name === undefined ||
      user === undefined ||
      group === undefined ||
      !/^(\/[A-Za-z0-9_.-]{1,32}){1,2}$/.test(home)
    )
      return [];
    return home.includes('/..') ? [] : [{ name, home, owner: { uid: user, gid: group } }];
  });
}
