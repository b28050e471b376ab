import { type Operation, type OwnedRef, ProvisionerError, type Secret } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import { sshUser } from './instance.ts';
import type { Machine } from './judge.ts';
import { requireOwned, verified } from './owned.ts';

/** Sets the login user's password through the guest agent. Needs VM.GuestAgent.Unrestricted; before 9, VM.Monitor. */
export async function setPassword(
  backend: Backend,
  ref: OwnedRef,
  password: Secret,
  op: Operation,
): Promise<{ readonly user: string }> {
  const machine = await requireOwned(backend, ref, op);
  const user = ref.user ?? sshUser(machine.config, backend.settings);
  await backend.pve.agent.setPassword(machine, user, password, op.signal);
  return { user };
}

/**
 * Replaces the login user's authorized keys by exactly these, and proves it by reading them back. Only files are written, through the
 * guest agent: nothing is run, and nothing that a tenant chose becomes part of a command. Needs VM.GuestAgent.FileRead and
 * .FileWrite; before 9, VM.Monitor.
 *
 * The keys on the cloud-init drive change too, or the old ones would come back: whatever changes there (a name server of the node is
 * enough) makes cloud-init treat the machine as new at its next start, and put the drive's keys in.
 */
export async function setKeys(backend: Backend, ref: OwnedRef, keys: readonly string[], op: Operation): Promise<void> {
  const lines = keys.map(checkedKey);
  const machine = await requireOwned(backend, ref, op);
  const home = await homeOf(backend, machine, ref.user ?? sshUser(machine.config, backend.settings), op);
  await keepHostKeys(backend, machine, op);
  const text = lines.map((line) => `${line}\n`).join('');
  await replace(backend, machine, `${home}/.ssh/authorized_keys`, text, op);
  await emptySecond(backend, machine, `${home}/.ssh/authorized_keys2`, op);
  await onDrive(backend, machine, lines, op);
}

function checkedKey(key: string): string {
  if (/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(key)) return key;
  throw new ProvisionerError('permanent', "A key is not of the form 'type base64'", {
    publicText: 'The SSH key cannot be used.',
  });
}

/** The login user's directory, as the machine's own list of users says. */
async function homeOf({ pve }: Backend, machine: Machine, user: string, op: Operation): Promise<string> {
  if (user === 'root') return '/root';
  const { content } = await pve.agent.readFile(machine, '/etc/passwd', op.signal);
  const home = content
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === user)?.[5];
  // The tenant can write anything there; a path is all that is taken from it, and it leads into the tenant's own machine.
  if (home !== undefined && /^(\/[A-Za-z0-9_.-]+)+$/.test(home)) return home;
  throw new ProvisionerError('retry', `VM ${machine.vmid} has no user '${user}' with a home directory`);
}

/** An existing file keeps its owner and mode. */
async function replace({ pve }: Backend, machine: Machine, file: string, text: string, op: Operation): Promise<void> {
  await pve.agent.writeFile(machine, file, text, op.signal);
  const { content } = await pve.agent.readFile(machine, file, op.signal);
  if (content === text) return;
  throw new ProvisionerError('retry', `VM ${machine.vmid} does not show the new keys after they were written`);
}

/** sshd reads this file too, where it exists. */
async function emptySecond(backend: Backend, machine: Machine, file: string, op: Operation): Promise<void> {
  try {
    const { content } = await backend.pve.agent.readFile(machine, file, op.signal);
    if (content.trim() === '') return;
  } catch (error) {
    if (reasonOf(error) !== 'agent-failed') throw error;
    return;
  }
  await replace(backend, machine, file, '', op);
}

/** A machine that cloud-init treats as new gets new host keys, which would look like an attack to everybody who knows the old ones. */
async function keepHostKeys({ pve }: Backend, machine: Machine, op: Operation): Promise<void> {
  try {
    await pve.agent.writeFile(machine, '/etc/cloud/cloud.cfg.d/99-dc-agent.cfg', 'ssh_deletekeys: false\n', op.signal);
  } catch (error) {
    // An image without cloud-init has no such directory, and nothing to be told.
    if (reasonOf(error) !== 'agent-failed') throw error;
  }
}

async function onDrive(backend: Backend, before: Machine, lines: readonly string[], op: Operation): Promise<void> {
  const machine = await verified(backend, before, before.stamp, op);
  const digest = machine.config['digest'];
  await backend.pve.vms.setConfig(
    machine,
    { set: { sshkeys: lines.join('\n') }, ...(digest === undefined ? {} : { digest }) },
    op.signal,
  );
}
