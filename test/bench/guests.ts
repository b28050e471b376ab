import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import { startGuests } from '../../simulators/sandbox/guests.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { systemGuest, waitUntilReady } from '../../src/guest/index.ts';
import { createUnlimitedBudget } from '../../src/platform/budget.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { startAgent } from './agent.ts';
import { type Bench, type Figure, type Findings, median, type Scope } from './figure.ts';
import { openMarket, SSH_KEY } from './market.ts';
import { inPlace } from './place.ts';
import { watch } from './watch.ts';

export const guests: Bench = {
  name: 'guests',
  about:
    'Looking into machines: from the SSH server’s first answer to "provisioned", and fifty machines that are not ready yet.',
  run: (scope) =>
    inPlace(async (directory, closing) => {
      const figures = [await fromAnswerToReport(scope, directory, closing), ...(await manyAtOnce(scope))];
      return { figures, notes: NOTES } satisfies Findings;
    }),
};

const NOTES = [
  'guests: the SSH server that answers first is in the same process, so its share of the handshake is in the time; no recipe.',
  'guests: of fifty machines each is knocked at once a second, which is the longest pause; their servers are another process.',
];

const BOOT_MS = 2_000;

/** With real handshakes; the platform is in memory, since its calls are the delivery bench's. */
async function fromAnswerToReport(
  scope: Scope,
  directory: string,
  closing: (() => Promise<unknown>)[],
): Promise<Figure> {
  const market = openMarket(systemClock, systemRandom, { bootMs: BOOT_MS, firstSshPort: 'server' });
  const doors = await startGuests(market.backend, { host: '127.0.0.1', onProblem: scope.progress });
  closing.push(() => doors.close());
  const watching = watch(market.platform, () => systemClock.monotonic());
  const { seed } = market.agent();
  const running = await startAgent({
    seed,
    provider: market.provider,
    clock: systemClock,
    random: systemRandom,
    disk: systemDisk,
    directory,
    platform: inProcessTransport(market.platform, { clock: systemClock }),
    backend: inProcessSandbox(market.backend, { clock: systemClock }),
    budget: createUnlimitedBudget(systemClock),
    guest: systemGuest,
  });
  closing.push(() => running.stop());
  const added: number[] = [];
  const samples = scope.quick ? 4 : 12;
  for (let sample = 1; sample <= samples; sample++) {
    await pause(systemRandom.float() * 1_000);
    const { id } = market.rent();
    await watching.reached(sample);
    const machine = [...market.backend.machines.values()].find(({ labels }) => labels['dc-contract-id'] === id);
    added.push((watching.provisioned.get(id) ?? Number.NaN) - (machine?.sshReadyAt ?? Number.NaN));
    scope.progress(`machine ${sample} of ${samples}`);
  }
  return {
    what: 'from the SSH server’s first answer to reported, median',
    value: median(added),
    unit: 'ms',
    promise: { of: 'value', atMost: 300 },
  };
}

const MANY = 50;

async function manyAtOnce(scope: Scope): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [what, kind] of [
    ['boot: nobody listens yet', 'closed'],
    ['have a server that does not know the key yet', 'refusing'],
  ] as const) {
    scope.progress(`fifty machines that ${what}`);
    const { port, stop } = kind === 'closed' ? { port: 1, stop: async () => {} } : await refusingServer();
    const end = new AbortController();
    setMaxListeners(0, end.signal);
    const waiting = Array.from({ length: MANY }, () =>
      waitUntilReady({
        clock: systemClock,
        random: systemRandom,
        deadlineMs: 120_000,
        signal: end.signal,
        probe: (signal, line) =>
          systemGuest.probeSsh({ host: '127.0.0.1', port, user: 'root', sshKey: KEY, timeoutMs: 5_000 }, signal, line),
      }).catch(() => undefined),
    );
    // Until every one has come to its longest pause.
    await pause(5_000);
    const seconds = scope.quick ? 4 : 15;
    const before = process.cpuUsage();
    await pause(seconds * 1000);
    const used = process.cpuUsage(before);
    end.abort(new Error('measured'));
    await Promise.all(waiting);
    await stop();
    figures.push({
      what: `CPU for ${MANY} machines that ${what}, each second`,
      value: (used.user + used.system) / 1000 / seconds,
      unit: 'ms',
      promise: { of: 'value', atMost: 100 },
    });
  }
  return figures;
}

const KEY = SSH_KEY.split(' ', 2).join(' ');

/** In a process of its own, whose time does not count. */
const SERVER = `
const { Server, utils } = require('ssh2');
let key;
do { key = utils.generateKeyPairSync('ed25519').private; } while (utils.parseKey(key) instanceof Error);
const server = new Server({ hostKeys: [key] }, (client) => {
  client.on('error', () => {});
  client.on('authentication', (context) => context.reject(['publickey']));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)));
process.stdin.on('end', () => process.exit()).resume();
`;

async function refusingServer(): Promise<{ port: number; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(port.toString()),
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
