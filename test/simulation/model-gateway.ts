import { type Applied, type Gateway, GatewayError, type Route } from '../../src/gateway/port.ts';
import { type Clock, sleep } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import type { Gate } from './backend.ts';
import { keyOf, type ModelKernel } from './model-kernel.ts';
import type { SeededRandom } from './seeded-random.ts';

export type GatewayTrouble = 'refuse' | 'forbid' | 'slow' | 'hang' | 'lost-answer' | 'half' | 'no-proof';
const TROUBLES: readonly GatewayTrouble[] = [
  ...(['refuse', 'forbid', 'slow', 'hang', 'lost-answer', 'half', 'no-proof'] as const),
];

export interface ModelGatewayOptions {
  readonly kernel: ModelKernel;
  readonly clock: Clock;
  readonly gate: Gate;
  readonly random: SeededRandom;
  /** How likely a call meets a trouble at this moment. */
  readonly weather: () => number;
  readonly onFault: (fault: string) => void;
  /** Whether the SSH server of the machine at `address:port` answers, and of which contract it is. */
  readonly answers: (door: string) => string | undefined;
  /** The names have this in common; undefined where routes have none. */
  readonly zone: string | undefined;
}

/** The gateway of one process, on a model of its host's kernel. */
export function modelGateway(options: ModelGatewayOptions): Gateway {
  const { kernel, gate, random, weather, clock, onFault, answers, zone } = options;
  let made = new Set<string>();

  const trouble = (): GatewayTrouble | undefined => {
    if (!random.chance(weather())) return undefined;
    const chosen = random.pick(TROUBLES);
    onFault(`gateway:${chosen}`);
    return chosen;
  };

  const apply = async (routes: readonly Route[], signal: AbortSignal): Promise<Applied> => {
    const struck = trouble();
    await sleep(clock, struck === 'slow' ? 1_000 + random.below(60_000) : 5, signal);
    if (struck === 'hang')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    if (struck === 'refuse') throw new GatewayError('retry', 'the helper does not answer');
    if (struck === 'forbid') throw new GatewayError('config', 'the helper may not do this');
    // Closed first, opened after: between the two the helper dies.
    const kept = kernel.routes.filter((route) => routes.some((wanted) => keyOf(wanted) === keyOf(route)));
    if (struck === 'half') {
      kernel.replace(kept, new Set());
      throw new GatewayError('retry', 'the helper died');
    }
    const repaired = kernel.replace(routes, made);
    made = new Set(routes.map(keyOf));
    if (struck === 'lost-answer') throw new GatewayError('retry', 'the answer was lost');
    return { repaired, refused: new Map(), missing: new Map() };
  };

  return {
    publicIp: kernel.publicIp,
    hears: 'everybody',
    nameOf: ({ slug }) => (zone === undefined ? undefined : `${slug}.${zone}`),
    apply: gate(apply),
    prove: gate(async (route: Route, signal: AbortSignal) => {
      await sleep(clock, 5, signal);
      if (trouble() === 'no-proof') return { ok: false, why: 'no answer in time' };
      const door = kernel.leadsTo(route.firstPort);
      if (door === undefined) return { ok: false, why: 'connection refused' };
      // The kernel says who answered, and that has to be where the machine was when this was asked.
      const asExpected = door === `${route.machine.ipv4}:${route.machine.sshPort}`;
      return asExpected && answers(door) === route.contract
        ? { ok: true }
        : { ok: false, why: 'it is not this machine that answers' };
    }),
    traffic: gate(async () => {
      kernel.move(random.below(100_000));
      if (trouble() !== undefined) throw new GatewayError('retry', 'the helper does not answer');
      return [...kernel.counters].map(([contract, bytes]) => ({
        contract: contract as ContractId,
        bytesIn: bytes,
        bytesOut: Math.floor(bytes / 2),
      }));
    }),
    check: async () => [],
    close: async () => {},
  };
}
