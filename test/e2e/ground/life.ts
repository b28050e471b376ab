import { expect } from 'vitest';
import type { Backend } from './backend.ts';
import type { Host } from './host.ts';
import { keepAlive } from './lifetime.ts';
import type { Lease } from './market.ts';
import { expectOrder } from './order.ts';
import type { World } from './world.ts';

/**
 * Sees a contract through on a host whose agent is started again whenever it is killed: delivered, cancelled, removed. In between
 * everything must be in order, with the same machine under the same address as the tenant was told. `env` is for the first agent
 * only. Resolves with how often the agent was killed.
 */
export async function expectWholeLife(
  world: World<Backend>,
  host: Host,
  lease: Lease,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { market, pulse } = world;
  const { contract } = lease;
  const life = keepAlive(host, env);
  await expectOrder(world, [lease]);
  expect(market.row(contract).status).toBe('active');
  const told = market.row(contract).details;

  market.core.admin.cancel(contract);
  await pulse.until(
    'the contract closed in the ledger',
    () => host.isClosed(contract),
    () => host.lately,
  );
  await expectOrder(world, [lease]);
  expect(market.row(contract).details).toBe(told);
  await life.end();
  return life.kills();
}
