import type { TargetDeps } from '../../src/agent/index.ts';
import type { TargetName } from '../../src/ports/ids.ts';
import type { CallContext, Provisioner } from '../../src/provisioner/index.ts';
import { World } from './world.ts';

const MINUTE = 60_000;

/** A backend that takes every call and answers none. */
export function silent(name: string): TargetDeps {
  const hang = ({ signal }: CallContext): Promise<never> =>
    new Promise((_resolve, reject) => {
      const end = (): void => reject(signal.reason);
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
    });
  const provisioner: Provisioner = {
    capabilities: { readiness: 'ssh' },
    check: hang,
    inventory: hang,
    list: hang,
    create: (_order, op) => hang(op),
    observe: (_ref, ctx) => hang(ctx),
    destroy: (_ref, op) => hang(op),
  };
  return { name: name as TargetName, type: 'silent', provisioner };
}

export interface Times {
  /** From the rental to the handed-over machine, of each of ten, in ms. */
  readonly deliveries: readonly number[];
  /** From a tenant's cancellation to the report that the machine is gone. */
  readonly removal: number;
  /** Heartbeats within ten minutes. */
  readonly beats: number;
}

/** Ten machines on a healthy target, one after the other, then the end of one of them. */
export async function timesOf(beside: readonly TargetDeps[], seed = 11): Promise<Times> {
  const world = new World({ seed, beside, latencyMs: 20 });
  world.boot(world.addHost());
  for (const { name } of beside) {
    const offering = world.offer(name);
    // More than there are lanes.
    for (let count = 0; count < 6; count++) world.rent({ offering });
  }
  let beats = 0;
  const stop = world.platform.onExchange(({ request }) => {
    if (request.path.endsWith('/heartbeat')) beats++;
  });
  const deliveries: number[] = [];
  const contracts: string[] = [];
  for (let count = 0; count < 10; count++) {
    const begun = world.time.monotonic();
    const contract = world.rent();
    await world.run(10 * MINUTE, () => contract.status === 'active');
    deliveries.push(world.time.monotonic() - begun);
    contracts.push(contract.id);
  }
  const begun = world.time.monotonic();
  const [first = ''] = contracts;
  world.platform.admin.cancel(first);
  await world.run(10 * MINUTE, () => world.platform.contracts.get(first)?.terminatedAt !== undefined);
  const removal = world.time.monotonic() - begun;
  await world.run(Math.max(0, 10 * MINUTE - world.time.monotonic()));
  stop();
  return { deliveries, removal, beats };
}
