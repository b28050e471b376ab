import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { loadGateway } from '../../src/config/index.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import type { Route } from '../../src/gateway/port.ts';
import { buildInto, ROOT, run } from '../packaging/run.ts';
import type { Orders } from './gateway-net-inside.ts';
import { installPackages } from './ground/packages.ts';

/** Whether namespaces with nftables can be had here, or why not. With CI=true they must be had. */
export function namespacesAvailable(): true | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'only root can make network namespaces, on Linux';
  if (process.env['CI'] === 'true') return true;
  return existsSync('/usr/sbin/nft') || 'the Debian package nftables is missing';
}

export async function installNft(): Promise<void> {
  if (!existsSync('/usr/sbin/nft')) await installPackages('nftables', 'iproute2');
}

/** One network namespace, and a process in it that does what it is told. */
export interface Place {
  readonly name: string;
  order<K extends keyof Orders>(name: K, order: Orders[K]): Promise<unknown>;
  /** Runs a program there; anything but success breaks the test. */
  exec(...command: string[]): Promise<string>;
}

export interface World {
  readonly home: string;
  /** The built agent. */
  readonly program: string;
  /** What all its namespaces' names begin with. */
  readonly prefix: string;
  place(name: string): Place;
  /** Starts the helper in the gateway's namespace, with no capability but CAP_NET_ADMIN, as nobody. */
  startHelper(table?: string, settings?: string): Promise<Helper>;
  remove(): Promise<void>;
}

export interface Helper {
  readonly settings: GatewayConfig;
  readonly pid: number;
  apply(routes: readonly Route[]): Promise<{ repaired: string[]; refused: Record<string, string> }>;
  gateway(call: Orders['gateway']['call'], ...routes: Route[]): Promise<unknown>;
  log(): string;
  stop(): Promise<void>;
}

/** `ip` commands that make the namespaces `pub`, `gw`, `vm1`, ... and what connects them; `@` stands for the world's prefix. */
export async function makeWorld(links: readonly string[], names: readonly string[]): Promise<World> {
  await installNft();
  const home = await mkdtemp(join(tmpdir(), 'dc-net-'));
  const prefix = `dcg${process.pid}-`;
  const inside = join(home, 'inside.mjs');
  const program = join(home, 'dist/main.js');
  const closers: (() => Promise<unknown>)[] = [];
  const places = new Map<string, Place>();
  const remove = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
    for (const name of names) await run('ip', ['netns', 'delete', prefix + name]);
    await rm(home, { recursive: true, force: true });
  };
  try {
    await Promise.all([bundle(inside), buildInto(program)]);
    for (const name of names) await must('ip', 'netns', 'add', prefix + name);
    await batch(links.map((link) => link.replaceAll('@', prefix)));
    for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
      await must('ip', 'netns', 'exec', `${prefix}gw`, 'sh', '-c', `echo 1 > /proc/sys/net/${name}`);
    }
    for (const name of names) {
      const worker = startWorker(prefix + name, inside);
      closers.push(worker.stop);
      places.set(name, {
        name: prefix + name,
        order: worker.order,
        exec: (...command) => must('ip', 'netns', 'exec', prefix + name, ...command),
      });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const place = (name: string): Place => {
    const found = places.get(name);
    if (found === undefined) throw new Error(`there is no namespace ${name}`);
    return found;
  };
  return {
    home,
    program,
    prefix,
    place,
    async startHelper(table = 'dc_agent', settings = '') {
      const helper = await startHelper({
        home,
        program,
        namespace: `${prefix}gw`,
        place: place('gw'),
        table,
        settings,
      });
      closers.push(helper.stop);
      return helper;
    },
    remove,
  };
}

/** As deep below the root as this file, so that packages are found. */
async function bundle(outfile: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/e2e/gateway-net-inside.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['*.node'],
    logLevel: 'error',
    banner: {
      js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);const __filename='',__dirname='';",
    },
  });
}

async function must(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

async function batch(commands: readonly string[]): Promise<void> {
  for (const command of commands) await must('ip', ...command.split(' '));
}

function startWorker(namespace: string, file: string) {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let last = 0;
  return {
    order: (name: string, order: unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(error))));
        child.stdin.write(`${JSON.stringify({ id, name, order })}\n`);
      }),
    stop: () => ended(child),
  };
}

interface HelperStart {
  readonly home: string;
  readonly program: string;
  readonly namespace: string;
  readonly place: Place;
  readonly table: string;
  readonly settings: string;
}

/** Its socket is for its own group, as systemd makes it; the test is root, whom no mode keeps out. */
async function startHelper({ home, program, namespace, place, table, settings }: HelperStart): Promise<Helper> {
  const directory = join(home, table);
  await mkdir(directory, { recursive: true });
  const run = join(directory, 'run');
  await mkdir(run, { recursive: true });
  await must('chown', '65534:65534', run);
  await must('chmod', '-R', 'go+rX', home, directory);
  const config = join(directory, 'dc-agent.toml');
  const text = `[gateway]\ndc_id = "dc-test"\npublic_ip = "203.0.113.1"\nnft_table = "${table}"\nhelper_socket = "${run}/netd.sock"\n${settings}`;
  await writeFile(config, text);
  const loaded = loadGateway(config);
  if (loaded === undefined) throw new Error('no gateway');
  const privileges = [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all,+net_admin',
  ];
  const bounds = ['--ambient-caps=-all,+net_admin', '--bounding-set=-all,+net_admin'];
  const command = [process.execPath, program, '--config', config, 'netd', '--log-level', 'info'];
  const child = spawn('ip', ['netns', 'exec', namespace, 'setpriv', ...privileges, ...bounds, ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const note = (chunk: Buffer): void => {
      log += chunk.toString();
      if (log.includes('netd: ready')) resolve();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    child.once('close', () => reject(new Error(`the helper ended: ${log}`)));
  });
  const gateway: Helper['gateway'] = (call, ...routes) => place.order('gateway', { settings: loaded, call, routes });
  return {
    settings: loaded,
    pid: child.pid ?? 0,
    apply: async (routes) => (await gateway('apply', ...routes)) as Awaited<ReturnType<Helper['apply']>>,
    gateway,
    log: () => log,
    stop: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.kill('SIGTERM');
  await gone;
}
