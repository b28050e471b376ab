import { expect } from 'vitest';
import { machineName } from '../../../src/ports/ids.ts';
import type { Backend, SeenMachine } from './backend.ts';
import { login } from './login.ts';
import type { Lease, Market } from './market.ts';
import type { World } from './world.ts';

const MOST_LOGINS = 30;
const LIVE: ReadonlySet<string> = new Set(['active', 'provisioned', 'paused']);
const DEAD: ReadonlySet<string> = new Set(['cancelled', 'provisioningfailed', 'rejected', 'expired']);

/**
 * Waits until everything is as it must be once things have settled: one right machine for each live contract, none for a dead one,
 * no lock held, and nobody told two stories. Then logs in with the tenants' keys.
 */
export async function expectOrder(world: World<Backend>, leases: readonly Lease[] = world.market.leases) {
  const { market, backend, pulse } = world;
  const look = async () => disorder(market, await backend.machines(), leases);
  const isWell = async (): Promise<boolean> => (await look()).next().done === true;
  await pulse.until('a world in order', isWell, async () => [...(await look())].join('\n'));
  const live = leases.filter(({ contract }) => LIVE.has(market.row(contract).status));
  for (const lease of sample(live)) {
    const door = market.details(lease.contract);
    if (door === undefined) throw new Error(`nobody was told where the machine of ${lease.contract} is`);
    expect(await login(door, lease.privateKey, 'uname -n')).toBe(`${machineName(lease.contract)}\n`);
  }
}

/** Of very many, so many that a common mistake shows. */
function sample(leases: readonly Lease[]): readonly Lease[] {
  const step = Math.ceil(leases.length / MOST_LOGINS);
  return leases.filter((_lease, index) => index % step === 0);
}

function* disorder(market: Market, machines: readonly SeenMachine[], leases: readonly Lease[]): Generator<string> {
  for (const { contract } of leases) {
    const own = machines.filter((machine) => machine.contract === contract);
    for (const problem of wrongWith(market, contract, own)) yield `contract ${contract.slice(0, 8)}: ${problem}`;
  }
}

function wrongWith(market: Market, contract: string, machines: readonly SeenMachine[]): string[] {
  const { status, terminatedAt } = market.row(contract);
  const found: string[] = [];
  const blame = (problem: string): void => void found.push(problem);
  const lock = market.core.locks.get(contract);
  if (lock !== undefined) blame(`still locked by ${lock.agent.slice(0, 8)}`);
  const told = market.told.get(contract)?.size ?? 0;
  if (told > 1) blame(`${told} different machines were reported`);
  if (LIVE.has(status)) {
    const ids = machines.map(({ id }) => id);
    const right = market.details(contract)?.externalId;
    if (ids.length !== 1 || ids[0] !== right) blame(`${status} with machines [${ids.join()}], told ${right}`);
    if (!machines.every(({ running }) => running)) blame('its machine is off');
  } else if (DEAD.has(status)) {
    if (machines.length > 0) blame(`${status} with ${machines.length} machines`);
    if (status === 'cancelled' && terminatedAt === undefined) blame('the platform waits for the word that it is gone');
  } else {
    blame(`still ${status}`);
  }
  return found;
}
