import { type Kept, nameOf, rehearse, type Step } from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import type { Io } from '../../io.ts';
import type { ClusterPlan } from './cluster.ts';

/** What was chosen and what will be done, for a person to say yes to. */
export function showPlan(url: string, plan: ClusterPlan, pool: string | undefined, io: Io): void {
  const { choices, version, templates, steps } = plan;
  const { node, storage, bridge, address, agent } = choices;
  const rows: [string, string][] = [
    ['cluster', `${url}, Proxmox VE ${version}`],
    ['node', node],
    ['disks', `storage ${storage}`],
    ['network', `bridge ${bridge}; addresses: ${address === 'dhcp' ? 'DHCP' : address.cidr}`],
    ['templates', templates.map(({ name, vmid }) => `${name} (${vmid})`).join(', ')],
    ...(agent === 'first-boot' && choices.snippetStorage !== undefined
      ? [['guest agent', 'installed by cloud-init at the first boot of each machine'] satisfies [string, string]]
      : []),
    ...(pool === undefined ? [] : [['location', `the pool is in ${pool}`] satisfies [string, string]]),
  ];
  if (plan.privileges.includes('VM.Monitor')) {
    io.err('warning: before version 9 who may ask a machine for its address may also run programs in it (VM.Monitor).');
  }
  for (const [name, value] of rows) io.err(`  ${name.padEnd(12)} ${value}`);
  if (steps.length === 0) return io.err('Everything on the cluster is as it should be.');
  io.err(`${steps.length} steps on the cluster:`);
  for (const [index, step] of steps.entries()) io.err(`  ${String(index + 1).padStart(2)}. ${step.says}`);
}

/** Each step with the calls that it will make. */
export async function showCalls(steps: readonly Step[], io: Io): Promise<void> {
  for (const { says, calls } of await rehearse(steps, systemClock, io.signal)) {
    io.out(says);
    for (const call of calls) io.out(`    ${call}`);
  }
}

export function showKept(kept: readonly Kept[], io: Io): void {
  for (const { thing, why } of kept) io.err(`warning: ${nameOf(thing)} stays: ${why}`);
}
