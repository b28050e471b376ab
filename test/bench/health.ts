import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { createInterface } from 'node:readline';
import { probeSsh } from '../../src/guest/index.ts';
import { knock } from '../../src/health/index.ts';
import { sshKey } from '../simulation/world.ts';
import { type Bench, type Findings, median, type Scope } from './figure.ts';

export const health: Bench = {
  name: 'health',
  about: 'What it costs to look at fifty machines at once: the knock of the health lane, and a whole SSH client.',
  run: measure,
};

const MACHINES = 50;

/** Fifty SSH servers in a process of their own, whose work is not ours. Prints their ports. */
const SERVERS = `
import { createServer } from 'node:net';
import ssh2 from 'ssh2';
const { private: key } = ssh2.utils.generateKeyPairSync('ed25519');
const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
  client.on('error', () => {});
  client.on('authentication', (attempt) => attempt.accept());
});
const ports = [];
for (let index = 0; index < ${MACHINES}; index++) {
  const door = createServer((socket) => {
    socket.on('error', () => {});
    server.injectSocket(socket);
  });
  await new Promise((resolve) => door.listen(0, '127.0.0.1', resolve));
  ports.push(door.address().port);
}
console.log(JSON.stringify(ports));
`;

async function measure(scope: Scope): Promise<Findings> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SERVERS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const ports = JSON.parse(line) as readonly number[];
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const door = (port: number) => ({ host: '127.0.0.1', port, timeoutMs: 20_000 });
    const rounds = scope.quick ? 5 : 20;
    scope.progress(`${rounds} rounds of ${MACHINES} machines`);
    const ours = await cpuOf(rounds, ports, async (port) => (await knock(door(port), signal)).state === 'answers');
    const whole = await cpuOf(rounds, ports, async (port) => {
      const { state } = await probeSsh({ ...door(port), user: 'root', sshKey: sshKey(7), signal });
      return state === 'ready';
    });
    return {
      figures: [
        {
          what: `${MACHINES} machines looked at at once, CPU time`,
          value: ours,
          unit: 'ms',
          against: { what: 'by a whole SSH client', value: whole },
          promise: { of: 'value', atMost: 100 },
        },
      ],
      notes: [
        'health: after the first round, which loads what is needed; the servers work in a process of their own. The agent spreads its looks over the interval, so it never comes to fifty in one second.',
      ],
    };
  } finally {
    child.kill();
  }
}

/** The median of what one round over all ports costs this process, in ms. */
async function cpuOf(
  rounds: number,
  ports: readonly number[],
  ask: (port: number) => Promise<boolean>,
): Promise<number> {
  const costs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage();
    const answers = await Promise.all(ports.map(ask));
    const { user, system } = process.cpuUsage(before);
    if (answers.includes(false)) throw new Error('a server did not answer as it should');
    if (round > 0) costs.push((user + system) / 1000);
  }
  return median(costs);
}
