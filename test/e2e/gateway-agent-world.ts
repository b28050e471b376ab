import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../packaging/run.ts';
import { makeWorld, namespacesAvailable, type Place } from './gateway-net-world.ts';
import { hasCaddy } from './ground/caddy.ts';
import { startDns } from './ground/dns.ts';
import { type Host, setUpHost } from './ground/host.ts';
import { type Lease, Market, type Stall } from './ground/market.ts';
import { type NetnsMachine, netnsBackend } from './ground/netns-backend.ts';
import { installPackages } from './ground/packages.ts';
import { Pulse } from './ground/pulse.ts';

export const PUBLIC_IP = '203.0.113.1';
export const DC_ID = 'dc-test';
const BRIDGE = 'br0';

/** What a machine's tenant is told of his route, as it stands on the platform. */
export interface Told {
  readonly gateway_slug: string;
  readonly gateway_subdomain: string;
  readonly gateway_ssh_port: number;
  readonly gateway_port_range_start: number;
  readonly gateway_port_range_end: number;
  readonly public_ip: string;
  readonly ip_address: string;
}

export interface Moved {
  readonly in: number;
  readonly out: number;
}

/** A platform, the Internet as one namespace, and in another one a provider's host: the built agent, its helper, Caddy, and machines. */
export interface Site {
  readonly market: Market;
  readonly pulse: Pulse;
  readonly host: Host;
  readonly stall: Stall;
  /** Somebody on the Internet. */
  readonly visitor: Place;
  /** Runs a program on the provider's host. */
  on(...command: string[]): Promise<string>;
  /** A command of the agent there, as its operator gives it. */
  dc(...words: string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  readonly helper: { start(): Promise<void>; stop(): Promise<void> };
  readonly hasNames: boolean;
  /** Where Caddy takes orders. */
  readonly caddySocket: string;
  /** What the world's DNS says of names of tenants' own: each stands for another one. */
  readonly owners: Map<string, string>;
  /** Resolves once the tenant has been handed his machine, with what he was told. */
  delivered(lease: Lease): Promise<Told>;
  login(lease: Lease, command: string): Promise<string>;
  /** The machines of a contract, also those that are gone. */
  machines(contract: string): Promise<(NetnsMachine & { readonly ports?: string })[]>;
  /** What the network card of a contract's machine has seen so far, in bytes from the IP header on. */
  moved(lease: Lease): Promise<Moved>;
  /** The sums of `dc-agent traffic` for it, and when the agent last added to them. */
  sums(lease: Lease): Promise<Moved & { readonly at: number }>;
  /** The same with everything that it has moved until now. */
  counted(lease: Lease): Promise<Moved>;
  /** Public TCP and UDP ports that the kernel translates to this address. */
  portsTo(address: string): Promise<number[]>;
  close(): Promise<void>;
}

/** Whether such a site can be had here, or why not. With CI=true it must be had. */
export function siteAvailable(): true | string {
  const namespaces = namespacesAvailable();
  if (namespaces !== true || process.env['CI'] === 'true') return namespaces;
  return existsSync(SSHD) || 'the Debian package openssh-server is missing';
}

const SSHD = '/usr/sbin/sshd';

export async function openSite(): Promise<Site> {
  if (!existsSync(SSHD)) await installPackages('openssh-server');
  // One of the addresses for tests of networks (RFC 2544), which others on this machine are unlikely to have.
  const uplink = `198.19.${process.pid & 0xff}.${(process.pid >> 8) & 0x3f}`.replace(
    /\d+$/,
    (last) => `${Number(last) * 4}`,
  );
  const [outside, inside] = [nth(uplink, 1), nth(uplink, 2)];
  const net = await makeWorld(
    [
      'link add @up type veth peer name plat netns @gw',
      `address add ${outside}/30 dev @up`,
      'link set @up up',
      `-n @gw address add ${inside}/30 dev plat`,
      '-n @gw link set plat up',
      'link add pub0 netns @gw type veth peer name eth0 netns @pub',
      `-n @gw address add ${PUBLIC_IP}/24 dev pub0`,
      '-n @gw link set pub0 up',
      '-n @gw link set lo up',
      '-n @pub address add 203.0.113.2/24 dev eth0',
      '-n @pub link set eth0 up',
      `-n @gw link add ${BRIDGE} type bridge`,
      `-n @gw address add 10.77.0.1/16 dev ${BRIDGE}`,
      `-n @gw link set ${BRIDGE} up`,
    ],
    ['gw', 'pub'],
  );
  const undo: (() => Promise<unknown>)[] = [() => net.remove()];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    // Only the network is another: `ip netns exec` would hide the namespaces that the backend makes.
    const there = ['nsenter', `--net=/run/netns/${net.prefix}gw`];
    const pulse = new Pulse(50_000);
    const market = new Market(pulse);
    await market.open(outside);
    undo.push(() => market.shut());
    market.core.settings.nextHeartbeatSeconds = 15;
    const owners = new Map<string, string>();
    const dns = await startDns({
      apex: 'example.com',
      server: outside,
      txt: () => undefined,
      cname: (name) => owners.get(name),
    });
    undo.push(() => dns.close());
    market.core.state.gateways.set(DC_ID, { dcId: DC_ID, provider: market.provider, username: 'u', password: 'p' });

    const { folder, settings } = await netnsBackend(net.home, net.prefix, BRIDGE);
    const machines: Site['machines'] = async (contract) => {
      const names = (await readdir(folder)).filter((name) => name.startsWith('vm-'));
      const all = await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'))));
      return all.filter((machine) => machine.contract === contract);
    };
    undo.push(() => removeMachines(net.prefix));
    const hasNames = hasCaddy();
    const socket = join(net.home, 'caddy.sock');
    if (hasNames) {
      const caddy = await startCaddy(net.home, socket, there);
      undo.push(() => ended(caddy, 'SIGKILL'));
    }

    const helperSocket = join(net.home, 'netd.sock');
    const stall = market.stall('script');
    const { seed, key: agent } = market.core.admin.keyPair();
    market.core.admin.register(market.core.admin.token(stall.pool), agent);
    const host = await setUpHost({
      program: net.program,
      directory: join(net.home, 'host'),
      endpoint: market.url,
      provider: market.provider,
      seed,
      agent,
      backend: { type: 'script', settings, machines: () => [], close: async () => {} },
      choices: {
        inside: [...there, ...(await askingAt(net.home, outside))],
        tables: `
[gateway]
dc_id = "${DC_ID}"
public_ip = "${PUBLIC_IP}"
tenant_interfaces = ["${BRIDGE}"]
helper_socket = ${JSON.stringify(helperSocket)}
web = "${hasNames ? 'caddy' : 'off'}"
certificates = "internal"
caddy_admin_socket = ${JSON.stringify(socket)}
tenant_names = "allow"
`,
      },
    });
    undo.push(() => host.kill());
    const helper = createHelper([...there, ...WITHOUT_RIGHTS, process.execPath, net.program, '--config', host.config]);
    undo.push(() => helper.stop());
    const on = net.place('gw').exec;
    const visitor = net.place('pub');
    const sums: Site['sums'] = async ({ contract }) =>
      JSON.parse((await host.dc('traffic', contract, '--json')).out)[contract];
    const told = (lease: Lease): Told => JSON.parse(market.row(lease.contract).details ?? '{}');
    return {
      market,
      pulse,
      host,
      stall,
      visitor,
      on,
      dc: (...words) =>
        run('ip', [
          'netns',
          'exec',
          `${net.prefix}gw`,
          process.execPath,
          net.program,
          '--config',
          host.config,
          ...words,
        ]),
      helper,
      hasNames,
      caddySocket: socket,
      owners,
      async delivered(lease) {
        const isActive = (): boolean => market.row(lease.contract).status === 'active';
        await pulse.until('a machine that is handed over', isActive, () => host.lately);
        return told(lease);
      },
      login: async ({ contract, privateKey }, command) => {
        const { public_ip: host, gateway_ssh_port: port } = told({ contract, privateKey });
        return String(await visitor.order('login', { door: { host, port }, privateKey, command }));
      },
      machines,
      async moved({ contract }) {
        const [machine] = await machines(contract);
        if (machine === undefined) throw new Error(`contract ${contract} has no machine`);
        const { stdout } = await run('ip', ['-n', machine.namespace, '-json', '-statistics', 'link', 'show', 'eth0']);
        const [{ stats64 }]: [Record<'stats64', Record<'rx' | 'tx', { bytes: number; packets: number }>>] =
          JSON.parse(stdout);
        const ofIp = ({ bytes, packets }: { bytes: number; packets: number }): number => bytes - ETHERNET * packets;
        return { in: ofIp(stats64.rx), out: ofIp(stats64.tx) };
      },
      sums,
      async counted(lease) {
        const { at: first } = await sums(lease);
        const look = (after: number) =>
          pulse.until('a look at the counters', async () => {
            const found = await sums(lease);
            return found.at > after && found;
          });
        // The next look may have begun before now, and the one after it has not.
        return look((await look(first)).at);
      },
      async portsTo(address) {
        const map = await on('nft', 'list', 'map', 'inet', 'dc_agent', 'forwards');
        const entries = [...map.matchAll(/\. (?:tcp|udp) \. (\d+) : ([\d.]+)/g)];
        return entries.flatMap(([, port, to]) => (to === address ? [Number(port)] : [])).sort((a, b) => a - b);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The header of a frame, which is no part of a packet. */
const ETHERNET = 14;

function nth(network: string, number: number): string {
  return network.replace(/\d+$/, (last) => String(Number(last) + number));
}

/**
 * A command that runs another one with this name server for its own. It sees all other mounts as everybody does, so that the network
 * namespaces that it makes are everybody's.
 */
async function askingAt(home: string, server: string): Promise<string[]> {
  const file = join(home, 'resolv.conf');
  await writeFile(file, `nameserver ${server}\n`);
  const script =
    'real=$(readlink -f /etc/resolv.conf); mount --make-private "$(findmnt -n -o TARGET -T "$real")"; mount --bind "$0" "$real"; exec "$@"';
  return ['unshare', '--mount', '--propagation', 'unchanged', 'sh', '-ec', script, file];
}

/** As its unit has it: nothing but the right to change the network. */
const WITHOUT_RIGHTS = ['setpriv', '--no-new-privs', '--inh-caps=-all,+net_admin', '--bounding-set=-all,+net_admin'];

function createHelper([program = '', ...words]: readonly string[]): Site['helper'] {
  let child: ChildProcess | undefined;
  return {
    async start() {
      const started = spawn(program, [...words, 'netd'], { stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      await says(started, 'netd: ready');
    },
    async stop() {
      if (child !== undefined) await ended(child, 'SIGTERM');
    },
  };
}

async function startCaddy(home: string, socket: string, [program = '', ...there]: string[]): Promise<ChildProcess> {
  const file = join(home, 'caddy.json');
  await writeFile(file, JSON.stringify({ admin: { listen: `unix/${socket}`, origins: ['localhost'] } }));
  const env = { ...process.env, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, HOME: home };
  const child = spawn(program, [...there, 'caddy', 'run', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  await says(child, 'serving initial configuration');
  return child;
}

function says({ stdout, stderr }: ChildProcess, words: string): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    for (const stream of [stdout, stderr]) {
      stream?.on('data', (chunk) => {
        said += String(chunk);
        if (said.includes(words)) resolve();
      });
      stream?.once('close', () => reject(new Error(`ended without "${words}": ${said.slice(-2000)}`)));
    }
  });
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.kill(signal);
  await gone;
}

/** Those that are left, with everything that runs in them. */
async function removeMachines(prefix: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const name of names.filter((one) => one.startsWith(`${prefix}vm-`))) {
    const pids = (await run('ip', ['netns', 'pids', name])).stdout.trim().split('\n');
    if (pids[0] !== '') await run('kill', ['-KILL', ...pids]);
    await run('ip', ['netns', 'delete', name]);
  }
}
