import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyPair } from '../../simulators/sandbox/key-pair.ts';
import { machineName } from '../../src/ports/ids.ts';
import type { Backend, SeenMachine } from './ground/backend.ts';
import type { Lease, Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import type { Pulse } from './ground/pulse.ts';
import { openWorld, type World } from './ground/world.ts';

interface Notice {
  readonly event: string;
  readonly contract_id: string;
  readonly task_id: string;
  readonly delivery: string;
  readonly machine?: { readonly name: string; readonly ssh_key: string } | null;
}

/** A room full of hardware, the chat that its people are called by, and those people. */
interface Workshop extends Backend {
  readonly notices: Notice[];
  /** Sets a machine up for a task. Returns the port of its SSH server. */
  build(notice: Notice): Promise<number>;
  scrap(contract: string): Promise<void>;
}

async function workshop(home: string, pulse: Pulse): Promise<Workshop> {
  const notices: Notice[] = [];
  const machines = new Map<string, { readonly seen: SeenMachine; close(): Promise<void> }>();
  const chat = createServer((request, response) => {
    void body(request).then((text) => {
      notices.push({ ...JSON.parse(text), delivery: String(request.headers['dc-agent-delivery']) });
      response.end();
      pulse.beat();
    });
  });
  await new Promise<void>((ready) => chat.listen(0, '127.0.0.1', ready));
  const { port } = chat.address() as AddressInfo;
  return {
    type: 'manual',
    settings: `notification_webhook = "http://127.0.0.1:${port}/hook"\ntask_dir = ${JSON.stringify(join(home, 'tasks'))}`,
    notices,
    async build({ contract_id, task_id, machine }) {
      if (machine === undefined || machine === null) throw new Error(`task ${task_id} says nothing of a machine`);
      const server = await sshServer(machine.name, machine.ssh_key);
      const seen = { id: task_id, uid: task_id, contract: contract_id, agent: undefined, running: true };
      machines.set(contract_id, { seen, close: server.close });
      return server.port;
    },
    async scrap(contract) {
      await machines.get(contract)?.close();
      machines.delete(contract);
    },
    machines: () => [...machines.values()].map(({ seen }) => seen),
    async close() {
      for (const machine of machines.values()) await machine.close();
      chat.closeAllConnections();
      await new Promise((closed) => chat.close(closed));
    },
  };
}

async function body(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** Lets the holder of one key in, and answers every command with its name. */
async function sshServer(name: string, key: string): Promise<{ readonly port: number; close(): Promise<void> }> {
  const clients = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [keyPair(ssh2).private] }, (client) => {
    clients.add(client);
    client.on('error', () => client.end());
    client.on('close', () => clients.delete(client));
    client.on('authentication', (attempt) => {
      const wanted = key.split(' ')[1];
      if (attempt.method === 'publickey' && attempt.key.data.toString('base64') === wanted) attempt.accept();
      else attempt.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (take) => {
        const channel = take();
        channel.write(`${name}\n`);
        channel.exit(0);
        channel.end();
      });
    });
  });
  await new Promise<void>((ready) => server.listen(0, ADDRESS, ready));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const client of clients) client.end();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

/** Loopback addresses are refused as addresses of machines. This one is nobody's (RFC 5737), and stays on this host. */
const ADDRESS = '192.0.2.77';
const isRoot = process.getuid?.() === 0;
const address = (verb: 'add' | 'delete'): void => {
  execFileSync('ip', ['address', verb, `${ADDRESS}/32`, 'dev', 'lo'], { timeout: 10_000 });
};

let world: World<Workshop>;
let stall: Stall;

beforeAll(async () => {
  if (!isRoot) return;
  address('add');
  world = await openWorld(workshop);
  stall = world.market.stall('manual');
});
afterAll(async () => {
  if (!isRoot) return;
  await world?.close();
  address('delete');
});

function asked({ contract }: Lease, event: string): Promise<Notice> {
  const { backend, pulse, hosts } = world;
  return pulse.until(
    `${event} of ${contract.slice(0, 8)}`,
    () => backend.notices.find((notice) => notice.contract_id === contract && notice.event === event),
    () => hosts[0]?.lately ?? '',
  );
}

test.skipIf(!isRoot)(
  'contracts become tasks of people, who take their time, in spite of one lane and a killed agent',
  async () => {
    const { market, backend } = world;
    // One lane, and three contracts wait for a person at the same time.
    const host = await world.host(stall, { lanes: 1 });
    const leases = [1, 2, 3].map(() => market.rent(stall.offering));
    const [first, second, third] = leases;
    if (first === undefined || second === undefined || third === undefined) throw new Error('unreachable');
    host.run();
    for (const lease of leases) await asked(lease, 'provision_required');
    for (const { contract } of leases) {
      expect(market.row(contract).status).toBe('provisioning');
      expect(market.core.locks.get(contract)?.agent).toBe(host.agent);
    }

    await host.kill();
    host.run();
    const task = await asked(first, 'provision_required');
    const port = await backend.build(task);
    const done = await host.dc('task', 'done', task.task_id, '--address', ADDRESS, '--port', String(port));
    expect(done, done.err).toMatchObject({ code: 0 });
    const other = await asked(second, 'provision_required');
    const otherPort = await backend.build(other);
    await host.dc('task', 'done', other.task_id, '--address', ADDRESS, '--port', String(otherPort));
    const refused = await asked(third, 'provision_required');
    await host.dc('task', 'fail', refused.task_id, '--reason', 'no such CPU', '--permanent');
    // Nothing was ever made for the third, and that is what its removal asks to be sure of.
    await expectOrder(world);
    expect(market.row(third.contract).status).toBe('provisioningfailed');
    expect(machineName(first.contract)).toBe(task.machine?.name);

    market.core.admin.cancel(first.contract);
    const removal = await asked(first, 'terminate_required');
    await backend.scrap(first.contract);
    expect((await host.dc('task', 'done', removal.task_id)).code).toBe(0);
    await expectOrder(world);
    // Told twice is allowed, as long as it can be seen to be the same notice; asked twice is not.
    const tasks = new Set(backend.notices.map(({ task_id }) => task_id));
    const deliveries = new Set(backend.notices.map(({ delivery }) => delivery));
    expect(deliveries.size).toBe(tasks.size);
  },
);
