import { DemoFailure } from './failure.ts';
import { DELIVERY, measure, REMOVAL } from './figures.ts';
import { stayUp } from './keep.ts';
import type { Lease } from './market.ts';
import { FEW } from './options.ts';
import { type ContractReport, type DemoReport, reportOf } from './report.ts';
import type { Scene, Tenancy } from './scene.ts';
import { findClosed, sshCommand, visit } from './visit.ts';

const COMMAND = 'whoami; hostname; uptime; cat /etc/os-release';

/** From the rental to the figures. */
export async function tellStory(scene: Scene): Promise<DemoReport> {
  const { input, backend } = scene;
  const tenancies = await moveIn(scene);
  if (input.options.keep) await stayUp(scene, tenancies);
  const cancelledAt = await moveOut(scene, tenancies);
  const reports = tenancies.map(({ lease, door, output }): ContractReport => {
    const events = scene.timeline.of(lease.contract);
    return {
      contract: lease.contract,
      ssh: door,
      login: { command: COMMAND, output },
      delivery: measure(events, lease.rentedAt, DELIVERY),
      removal: measure(events, cancelledAt.get(lease.contract) ?? 0, REMOVAL),
    };
  });
  return reportOf(backend, reports);
}

async function moveIn(scene: Scene): Promise<Tenancy[]> {
  const { say, options } = scene.input;
  say('chapter', options.contracts === 1 ? 'Rental' : `${options.contracts} rentals`);
  const leases: Lease[] = [];
  for (let number = 1; number <= options.contracts; number++) {
    scene.trouble.signal.throwIfAborted();
    const lease = await scene.market.rent(number);
    leases.push(lease);
    if (options.contracts <= FEW) say('line', `contract ${lease.contract}, with a fresh SSH key`);
  }
  say('note', 'What the agent does, as it tells it:');
  await allReach(scene, leases, 'contract.done.deliver', 'the delivery');

  const tenancies = await inBatches(leases, async (lease): Promise<Tenancy> => {
    scene.trouble.signal.throwIfAborted();
    const door = await scene.market.door(lease);
    return { lease, door, output: await visit(door, lease.key, COMMAND) };
  });
  say('chapter', 'Login');
  for (const { lease, door, output } of tenancies.slice(0, options.contracts <= FEW ? FEW : 1)) {
    say('command', `${sshCommand(door, lease.key)} '${COMMAND}'`);
    for (const line of output.trimEnd().split('\n')) say('line', `| ${line}`);
  }
  say(
    'good',
    `${count(tenancies.length, 'tenant')} logged in${scene.backend.simulated ? ', to simulated machines' : ''}`,
  );
  return tenancies;
}

/** Returns when each contract was cancelled. */
async function moveOut(scene: Scene, tenancies: readonly Tenancy[]): Promise<Map<string, number>> {
  const { input, market, backend, host } = scene;
  const { say } = input;
  say('chapter', tenancies.length === 1 ? 'Cancellation' : `${tenancies.length} cancellations`);
  const cancelledAt = new Map<string, number>();
  for (const { lease } of tenancies) {
    cancelledAt.set(lease.contract, Date.now());
    await market.cancel(lease);
  }
  const leases = tenancies.map(({ lease }) => lease);
  await allReach(scene, leases, 'contract.closed', 'the removal');

  say('chapter', 'Gone');
  const unsaid = leases.filter(({ contract }) => !market.isTerminated(contract));
  if (unsaid.length > 0) throw new DemoFailure(`the platform was not told that ${unsaid[0]?.contract} is gone`);
  say('line', `platform: ${count(leases.length, 'contract')} cancelled, and reported as terminated by the agent`);
  const ours = new Set(leases.map(({ contract }) => contract));
  const left = (await backend.contractsWithMachines(host.agent)).filter((contract) => ours.has(contract));
  if (left.length > 0) throw new DemoFailure(`${backend.type} still has the machine of ${left[0]}`);
  say('line', `${backend.type}: none of their machines is left${backend.simulated ? ' (simulated)' : ''}`);
  const doors = await inBatches(tenancies, async ({ door }) => `${door.host}:${door.port} ${await findClosed(door)}`);
  say('line', `ssh: ${doors[0]}${doors.length > 1 ? `, and ${doors.length - 1} more` : ''}`);
  return cancelledAt;
}

/** Waits until every contract has this event. */
async function allReach(scene: Scene, leases: readonly Lease[], type: string, what: string): Promise<void> {
  const { timeline, market, trouble } = scene;
  const has = ({ contract }: Lease): boolean => timeline.of(contract).some((event) => event.type === type);
  const state = (): string[] =>
    leases
      .filter((lease) => !has(lease))
      .slice(0, FEW)
      .map(({ contract }) => {
        const last = timeline.of(contract).at(-1)?.text ?? 'not taken by the agent';
        return `${contract.slice(0, 8)}: ${market.status(contract)} at the platform; ${last}`;
      });
  const one = async ({ contract }: Lease, signal: AbortSignal): Promise<void> => {
    await Promise.race([
      timeline.reached(contract, type, signal),
      timeline.reached(contract, 'contract.done.fail', signal).then(() => {
        throw new DemoFailure(`contract ${contract} failed: ${market.failureOf(contract)}`);
      }),
    ]);
  };
  const patience = 120_000 + leases.length * 2_000;
  await trouble.within(patience, what, (signal) => Promise.all(leases.map((lease) => one(lease, signal))), state);
}

const BATCH = 8;

async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    results.push(...(await Promise.all(items.slice(start, start + BATCH).map(work))));
  }
  return results;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
