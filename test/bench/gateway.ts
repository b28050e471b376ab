import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadGateway } from '../../src/config/load.ts';
import { exchange } from '../../src/gateway/nft-change.ts';
import { routeOf } from '../../src/gateway/nft-fixtures.ts';
import { createNftGateway } from '../../src/gateway/nft-gateway.ts';
import type { NftCommand } from '../../src/gateway/nft-json.ts';
import { elementsOf } from '../../src/gateway/nft-sets.ts';
import { createSkeleton, skeletonFor } from '../../src/gateway/nft-skeleton.ts';
import { planRoutes } from '../../src/gateway/plan.ts';
import type { NetworkSettings } from '../../src/gateway/plan-settings.ts';
import type { Gateway, Route } from '../../src/gateway/port.ts';
import { type Bench, type Figure, type Findings, median, type Scope } from './figure.ts';

const run = promisify(execFile);

export const gateway: Bench = {
  name: 'gateway',
  about: 'What 2,000 machines with ten ports each cost in the kernel: made anew, changed by one, and looked through.',
  run: async (scope) => {
    if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/nft')) {
      return { figures: [], notes: ['gateway: skipped; it needs root and the package nftables.'] };
    }
    return inNamespace(scope, (world) => measure(scope, world));
  },
};

const MACHINES = 2_000;
const BESIDE = 'nft_alone';
const TOLD = ['2,000 machines opened at once', 'one machine more or less among 2,000'];

interface World {
  readonly gateway: Gateway;
  readonly settings: NetworkSettings;
  nft(...words: string[]): Promise<unknown>;
  /** The same commands by nft alone, in ms: what no program on top of it can go below. */
  alone(commands: readonly NftCommand[]): Promise<number>;
  /** What the helper and the programs that it has run have used so far. */
  cpuMs(): Promise<number>;
}

async function measure(scope: Scope, { gateway, settings, nft, alone, cpuMs }: World): Promise<Findings> {
  const { signal } = new AbortController();
  const all = Array.from({ length: MACHINES }, (_, n) => routeOf(n));
  const without = all.slice(0, -1);
  const rounds = scope.quick ? 2 : 9;
  const times = new Map<string, { wall: number; cpu: number }[]>();
  const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const [wall, cpu] = [performance.now(), await cpuMs()];
    await work();
    const taken = { wall: performance.now() - wall, cpu: (await cpuMs()) - cpu };
    times.set(what, [...(times.get(what) ?? []), taken]);
  };
  const { everything, less, more } = commandsFor(settings, all);
  const floor = new Map<string, number[]>();
  const nftAlone = async (what: string, commands: readonly NftCommand[]): Promise<void> => {
    floor.set(what, [...(floor.get(what) ?? []), await alone(commands)]);
  };
  for (let round = 0; round < rounds; round++) {
    scope.progress(`round ${round + 1} of ${rounds}`);
    await nftAlone('2,000 machines opened at once', everything);
    await nftAlone('a flushed ruleset put back in one transaction', everything);
    for (let i = 0; i < 10; i++) await nftAlone('one machine more or less among 2,000', i % 2 === 0 ? less : more);
    await nft('delete', 'table', 'inet', BESIDE);
    // Made where it is not: only what is there can be deleted.
    await nft('add', 'table', 'bridge', BESIDE);
    await nft('delete', 'table', 'bridge', BESIDE);
    await gateway.apply([], signal);
    await timed('2,000 machines opened at once', () => gateway.apply(all, signal));
    for (let i = 0; i < 10; i++) {
      await timed('one machine more or less among 2,000', () => gateway.apply(i % 2 === 0 ? without : all, signal));
    }
    await timed('byte counts of all machines', () => gateway.traffic(signal));
    for (let i = 0; i < 8; i++) await timed('a pass with nothing to change, mean', () => gateway.apply(all, signal));
    await nft('flush', 'ruleset');
    await gateway.apply(without, signal);
    await nft('flush', 'ruleset');
    // The change that finds no table ends in a repair of everything, as at a start.
    await timed('a flushed ruleset put back in one transaction', () => gateway.apply(all, signal));
  }
  const middle = (what: string, of: 'wall' | 'cpu'): number => {
    const values = (times.get(what) ?? []).map((taken) => taken[of]);
    // One pass in eight reads everything.
    return what.endsWith('mean') ? values.reduce((sum, value) => sum + value, 0) / values.length : median(values);
  };
  const figure = (what: string, atMost?: number): Figure => {
    const least = floor.get(what);
    return {
      what,
      value: middle(what, 'wall'),
      unit: 'ms',
      against:
        least === undefined
          ? { what: 'of processor time', value: middle(what, 'cpu') }
          : { what: 'by nft alone', value: median(least) },
      ...(atMost === undefined ? {} : { promise: { of: 'value', atMost } }),
    };
  };
  return {
    figures: [
      figure('2,000 machines opened at once', 1000),
      figure('a flushed ruleset put back in one transaction', 1000),
      figure('one machine more or less among 2,000', 30),
      figure('a pass with nothing to change, mean'),
      figure('byte counts of all machines'),
    ],
    notes: [
      'gateway: through the real helper and nft, in a network namespace of its own; each machine has ten ports and two counters. ' +
        '“By nft alone” is the same JSON in the same namespace, given to nft without any of this; taking a machine away, most of that is waiting ' +
        'for the kernel to let go of the entries. Processor time is the helper’s and ' +
        `nft’s together, in steps of 10 ms; beside other work on the machine it says more: ${TOLD.map((what) => `${Math.round(middle(what, 'cpu'))} ms for ${what}`).join('; ')}.`,
    ],
  };
}

/** What the helper makes of these routes, for a table beside its own. */
function commandsFor(own: NetworkSettings, routes: readonly Route[]) {
  const settings = { ...own, nftTable: BESIDE };
  const skeleton = skeletonFor(settings, { bridge: 'addresses' });
  const elements = (some: readonly Route[]) =>
    elementsOf(planRoutes(settings, some).machines.values(), [settings.publicIp]);
  const last = elements(routes.slice(-1));
  return {
    everything: [...createSkeleton(skeleton), ...exchange(skeleton, new Map(), elements(routes))],
    less: exchange(skeleton, last, new Map()),
    more: exchange(skeleton, new Map(), last),
  };
}

async function inNamespace<T>(scope: Scope, work: (world: World) => Promise<T>): Promise<T> {
  const name = `dcbench${process.pid}`;
  const home = await mkdtemp(join(tmpdir(), 'dc-bench-net-'));
  const config = join(home, 'dc-agent.toml');
  const socket = join(home, 'netd.sock');
  await writeFile(config, `[gateway]\ndc_id = "dc-bench"\npublic_ip = "203.0.113.1"\nhelper_socket = "${socket}"\n`, {
    mode: 0o600,
  });
  const settings = loadGateway(config);
  if (settings === undefined) throw new Error('the bench has no gateway');
  const program = await scope.program();
  await run('ip', ['netns', 'add', name]);
  const helper = spawn('ip', ['netns', 'exec', name, process.execPath, program, '--config', config, 'netd'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => helper.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      helper.stdout.on('data', (chunk: Buffer) => chunk.includes('netd: ready') && resolve());
      helper.once('close', () => reject(new Error('the helper ended')));
    });
    return await work({
      gateway: createNftGateway(settings),
      settings,
      async alone(commands) {
        const file = join(home, 'commands.json');
        await writeFile(file, JSON.stringify({ nftables: commands }));
        const began = performance.now();
        await run('nsenter', [`--net=/run/netns/${name}`, 'nft', '-j', '-f', file]);
        return performance.now() - began;
      },
      nft: (...words) => run('ip', ['netns', 'exec', name, 'nft', ...words]),
      async cpuMs() {
        // Fields 14 to 17 of proc(5), in ticks of 10 ms; the name in field 2 has no blanks here.
        const fields = (await readFile(`/proc/${helper.pid}/stat`, 'utf8')).split(' ');
        return fields.slice(13, 17).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
      },
    });
  } finally {
    helper.kill('SIGTERM');
    await ended;
    await run('ip', ['netns', 'delete', name]);
    await rm(home, { recursive: true, force: true });
  }
}
