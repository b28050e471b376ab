import { setTimeout as pause } from 'node:timers/promises';
import { startPlatformServer } from '../../simulators/platform/http.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { createBudget, createUnlimitedBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { Secret } from '../../src/ports/secret.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { startAgent } from './agent.ts';
import { type Bench, type Findings, median, type Scope } from './figure.ts';
import { type Market, openMarket } from './market.ts';
import { inPlace } from './place.ts';
import { reference } from './reference.ts';
import { type Watch, watch } from './watch.ts';

export const delivery: Bench = {
  name: 'delivery',
  about: 'From a rented contract to "provisioned" at the platform: real time, HTTP, signatures and disk; no SSH.',
  run: (scope) => inPlace((directory, closing) => measure(scope, directory, closing)),
};

/** The platform allows 60 writes a minute, and a contract costs four. */
const SAMPLES = 12;

async function measure(scope: Scope, directory: string, closing: (() => Promise<unknown>)[]): Promise<Findings> {
  const market = openMarket(systemClock, systemRandom);
  const server = await startPlatformServer({ core: market.platform });
  closing.push(() => server.close());
  const transport = createHttpTransport({ endpoint: server.url, name: 'bench' });
  closing.push(() => transport.close());
  const { seed } = market.agent();
  const watching = watch(market.platform);
  const floor = await bareCalls(market, seed, server.url);
  const running = await startAgent({
    seed,
    provider: market.provider,
    clock: systemClock,
    random: systemRandom,
    disk: systemDisk,
    directory,
    platform: transport,
    backend: inProcessSandbox(market.backend, { clock: systemClock }),
    budget: createBudget({ clock: systemClock }),
  });
  closing.push(() => running.stop());
  const rented = await rentOneByOne(market, watching, scope);
  return report(watching, rented, floor);
}

async function rentOneByOne(market: Market, watching: Watch, scope: Scope): Promise<Map<string, number>> {
  const rented = new Map<string, number>();
  const already = watching.provisioned.size;
  const samples = scope.quick ? 4 : SAMPLES;
  for (let sample = 1; sample <= samples; sample++) {
    await pause(systemRandom.float() * 3_000);
    rented.set(market.rent().id, performance.now());
    await watching.reached(already + sample);
    scope.progress(`contract ${sample} of ${samples}`);
  }
  return rented;
}

function report(watching: Watch, rented: ReadonlyMap<string, number>, floor: number): Findings {
  const added: number[] = [];
  const waited: number[] = [];
  for (const [contract, at] of rented) {
    const seen = watching.seen.get(contract) ?? Number.NaN;
    waited.push(seen - at);
    added.push((watching.provisioned.get(contract) ?? Number.NaN) - seen);
  }
  const calls = { what: 'the same three calls, bare', value: floor };
  const model = reference({ contracts: 1, backendMs: 0 });
  return {
    figures: [
      {
        what: 'agent adds, from the poll that saw it to reported, median',
        value: median(added),
        unit: 'ms',
        against: calls,
        promise: { of: 'value', atMost: 250 },
      },
      { what: 'agent adds, slowest', value: Math.max(...added), unit: 'ms', against: calls },
      {
        what: 'wait for the poll, mean, from the measured gaps',
        value: meanWait(watching.polls) / 1000,
        unit: 's',
        against: { what: 'reference agent (model)', value: model.pollMs / 2000 },
        promise: { of: 'value', atMost: 2 },
      },
      {
        what: 'rented to reported, median',
        value: median(added.map((ms, index) => ms + (waited[index] ?? 0))) / 1000,
        unit: 's',
        against: { what: 'reference agent (model)', value: model.meanFirstMs / 1000 },
      },
    ],
    notes: [
      'delivery: backend and guest answer at once; what is left is the agent, its three calls, and the disk it syncs.',
    ],
  };
}

/** How long something that appears at a random moment waits for the next poll: long gaps are met more often than short ones. */
function meanWait(polls: readonly number[]): number {
  const gaps = polls.slice(1).map((at, index) => at - (polls[index] ?? at));
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  return gaps.reduce((sum, gap) => sum + gap * gap, 0) / (2 * total);
}

/** The calls that no agent can do without (lock, provisioning, provisioned), one after the other: the floor in this run. */
async function bareCalls(market: Market, seed: string, endpoint: string): Promise<number> {
  const transport = createHttpTransport({ endpoint, name: 'bare' });
  const client = createPlatformClient({
    transport,
    signer: createSigner(new Secret(seed)),
    providerPubkey: market.provider,
    clock: systemClock,
    random: systemRandom,
    budget: createUnlimitedBudget(systemClock),
    log: silentLog,
  });
  const times: number[] = [];
  for (let round = 0; round < 8; round++) {
    const contract = market.rent().id as ContractId;
    const begun = performance.now();
    await client.acquireLock(contract);
    await client.reportProvisioning(contract);
    await client.reportProvisioned(contract, DETAILS);
    times.push(performance.now() - begun);
  }
  await transport.close();
  // The first rounds load code and open connections.
  return median(times.slice(3));
}

const DETAILS = {
  external_id: '1',
  ip_address: '192.0.2.1',
  ipv6_address: null,
  ssh_port: 22,
  root_password: null,
  additional_details: null,
};
