import type { Task } from './wire.ts';

/** What a notice says, in either form. Everything that came from an order is data: it neither formats nor mentions anybody. */
export function messageOf(task: Task, format: 'generic' | 'slack'): string {
  return JSON.stringify(format === 'slack' ? { text: escaped(textOf(task)) } : generic(task));
}

const WANTED = {
  create: 'make a machine',
  remove: 'remove a machine for good',
  stop: 'power a machine off',
  start: 'power a machine on',
} as const;

/** The reference agent's receivers know the first five fields. */
function generic(task: Task): object {
  const { id, round, kind, target, stamp, machine, address, askedAt } = task;
  return {
    event: kind === 'create' ? 'provision_required' : kind === 'remove' ? 'terminate_required' : `${kind}_required`,
    contract_id: stamp.contract,
    external_id: kind === 'create' ? null : `create-${stamp.operation}`,
    offering_id: machine?.offering ?? null,
    message: textOf(task),
    task_id: id,
    round,
    target,
    asked_at: new Date(askedAt).toISOString(),
    address: address ?? null,
    machine: machine && {
      name: machine.name,
      cpu_cores: machine.cpuCores ?? null,
      memory_mb: machine.memoryMb ?? null,
      storage_gb: machine.storageGb ?? null,
      ssh_key: machine.sshKey,
    },
  };
}

/** One paragraph for a person, with the command that answers it. */
export function textOf({ id, kind, target, stamp, machine, address }: Task): string {
  const size = [
    machine?.cpuCores === undefined ? undefined : `${machine.cpuCores} cores`,
    machine?.memoryMb === undefined ? undefined : `${machine.memoryMb} MB memory`,
    machine?.storageGb === undefined ? undefined : `${machine.storageGb} GB disk`,
  ].filter((part) => part !== undefined);
  const lines = [
    `Please ${WANTED[kind]}: ${machine?.name ?? 'name not known'}${address === undefined ? '' : ` at ${address}`} (target ${target}).`,
    `Contract ${stamp.contract}${machine === undefined ? '' : `, offering ${machine.offering}`}.`,
  ];
  if (kind === 'create' && machine !== undefined) {
    if (size.length > 0) lines.push(`Size: ${size.join(', ')}.`);
    lines.push(`It must let in: ${machine.sshKey}`, `Then: dc-agent task done ${id} --address ADDRESS`);
  } else if (kind === 'remove' && address === undefined) {
    lines.push('If anything was made for it, remove it.', `Then: dc-agent task done ${id}`);
  } else lines.push(`Then: dc-agent task done ${id}`);
  return lines.join('\n');
}

/** Slack's own three; with them escaped no link, mention or channel call can be smuggled in. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
