import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevPlatform, startDevPlatform } from '../../../../simulators/platform/cli.ts';
import { createCluster, type NodeSpec } from '../../../../simulators/proxmox/build.ts';
import type { Personality } from '../../../../simulators/proxmox/call.ts';
import { createProxmox, type ProxmoxCore, type ProxmoxOptions } from '../../../../simulators/proxmox/core.ts';
import { type ProxmoxServer, startProxmox } from '../../../../simulators/proxmox/server.ts';
import { INSTANT_TIMINGS } from '../../../../simulators/proxmox/timings.ts';
import { type Run, recorder, typed } from '../../../../test/cli/harness.ts';
import { systemClock } from '../../../ports/clock.ts';
import { systemRandom } from '../../../ports/random.ts';
import { EXIT } from '../../exit.ts';
import { reportFailure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { SetupHost } from '../host.ts';
import type { Ended } from '../service/host.ts';
import { readOptions } from './options.ts';
import { repin } from './repin.ts';
import { type SetupDeps, setUp } from './run.ts';
import { takeBackAll } from './take-back.ts';

const PASSWORD = 'correct-horse-battery';
const SUM = 'cd'.repeat(32);
const IMAGE = 'https://images.example/debian.qcow2';

export interface GroundOptions {
  readonly personality?: Personality;
  readonly nodes?: readonly NodeSpec[];
  readonly driver?: ProxmoxOptions['driver'];
}

/** A Proxmox host as its installer leaves it, a platform with a setup token, and a folder that stands for this host: all real servers. */
export class SetupGround {
  readonly core: ProxmoxCore;
  readonly server: ProxmoxServer;
  readonly platform: DevPlatform;
  readonly home: string;
  /** Commands that were run on the host, as typed. */
  readonly commands: string[] = [];
  /** Whether the service was made or removed. */
  readonly service: string[] = [];

  private constructor(core: ProxmoxCore, server: ProxmoxServer, platform: DevPlatform, home: string) {
    this.core = core;
    this.server = server;
    this.platform = platform;
    this.home = home;
  }

  static async open({ personality = '9.1', nodes = [{ name: 'pve' }], driver }: GroundOptions = {}) {
    const cluster = createCluster({
      now: systemClock.now(),
      personality,
      nodes,
      storages: [
        { id: 'local', type: 'dir', content: ['iso', 'vztmpl', 'backup'], totalGb: 100 },
        { id: 'local-lvm', type: 'lvmthin', content: ['images', 'rootdir'], totalGb: 800 },
      ],
      rootPassword: PASSWORD,
    });
    const image = { sizeBytes: 64 * 2 ** 20, diskBytes: 2 ** 31, is: 'qcow2', checksums: { sha256: SUM } } as const;
    const core = createProxmox({
      clock: systemClock,
      random: systemRandom,
      cluster,
      personality,
      downloads: new Map([[IMAGE, image]]),
      timings: { ...INSTANT_TIMINGS, statdMs: 200 },
      ...(driver ? { driver } : {}),
    });
    const home = await mkdtemp(join(tmpdir(), 'dc-setup-proxmox-'));
    const server = await startProxmox({ core });
    const platform = await startDevPlatform({ keyDirectory: home, seedOffering: 'proxmox' });
    await writeFile(join(home, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
    return new SetupGround(core, server, platform, home);
  }

  async close(): Promise<void> {
    await this.platform.close();
    await this.server.close();
    await this.core.close();
    await rm(this.home, { recursive: true, force: true });
  }

  at(path: string): string {
    return join(this.home, path);
  }

  get output(): string {
    return this.at('etc/dc-agent.toml');
  }

  read(path = 'etc/dc-agent.toml'): Promise<string> {
    return readFile(this.at(path), 'utf8');
  }

  /** The options of a run from elsewhere that asks nothing. An absent value is a bare flag, `null` leaves an option out. */
  argv(more: Readonly<Record<string, string | true | null>> = {}): string[] {
    const all: Record<string, string | true | null> = {
      'api-url': this.server.url,
      fingerprint: this.server.fingerprint,
      'password-file': this.at('password'),
      token: this.platform.setupToken,
      'platform-url': this.platform.url,
      output: this.output,
      'key-dir': this.at('keys'),
      'state-dir': this.at('state'),
      'image-url': IMAGE,
      'image-checksum': SUM,
      'image-name': 'debian',
      'guest-agent': 'image',
      'no-service': true,
      yes: true,
      ...more,
    };
    return Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [value === true ? `--${name}` : `--${name}=${value}`],
    );
  }

  /** As typed. */
  setup(more: Readonly<Record<string, string | true | null>> = {}, io: Partial<Io> = {}): Promise<Run> {
    return typed(['setup', 'proxmox', ...this.argv(more)], { env: { HOME: this.home }, ...io });
  }

  undo(more: Readonly<Record<string, string | true | null>> = {}): Promise<Run> {
    return this.setup({ undo: true, token: null, ...more });
  }

  /** With this host and its terminal replaced, and with the service only noted. Options by their names in the code. */
  async run(
    options: Readonly<Record<string, unknown>>,
    deps: Partial<SetupDeps> = {},
    io: Partial<Io> = {},
  ): Promise<Run> {
    const terminal = recorder({ env: { HOME: this.home }, ...io });
    const all: SetupDeps = {
      host: this.host('elsewhere'),
      ask: undefined,
      zone: 'UTC',
      ownApi: this.server.url,
      finish: {
        done: async () => {
          this.service.push('made');
          return EXIT.ok;
        },
        undone: async () => void this.service.push('removed'),
      },
      ...deps,
    };
    const places = { output: this.output, keyDir: this.at('keys'), platformUrl: this.platform.url };
    const work = async () => {
      const read = await readOptions(
        { config: this.output, operands: [], options: { ...places, ...options } },
        terminal,
      );
      return { 'set up': setUp, undo: takeBackAll, repin }[read.does](read, terminal, all);
    };
    const code = await work().catch((error: unknown) => reportFailure(error, terminal, this.output));
    return { code, out: terminal.lines.out.join('\n'), err: terminal.lines.err.join('\n') };
  }

  /** The image of the ground, as options of `run`. */
  get image() {
    return { imageUrl: IMAGE, imageChecksum: SUM, imageName: 'debian' };
  }

  /** This host: a node of the cluster, whose commands are answered by the cluster itself, or any other host. */
  host(place: 'the node' | 'elsewhere'): SetupHost {
    const run = async (argv: readonly string[]): Promise<Ended> => {
      this.commands.push(argv.join(' '));
      return { code: 0, stderr: '', stdout: this.#answer(argv) };
    };
    const root = this.at(place === 'the node' ? 'node' : 'host');
    return { root, user: place === 'the node' ? 0 : 1000, name: place === 'the node' ? 'pve' : 'laptop', run };
  }

  /** Puts the files there by which a node of Proxmox VE is known. */
  async becomeNode(): Promise<void> {
    await mkdir(this.at('node/etc/pve/local'), { recursive: true });
    const { pem = '' } = this.core.cluster.nodes.get('pve')?.certificate ?? {};
    await writeFile(this.at('node/etc/pve/local/pve-ssl.pem'), pem);
  }

  #answer([program, verb, path = '']: readonly string[]): string {
    if (program === 'pvesm') return `/var/lib/vz/${path.split(':')[1] ?? ''}\n`;
    const root = this.core.cluster.users.get('root@pam');
    const name = path.split('/').at(-1) ?? '';
    if (verb === 'delete') {
      root?.tokens.delete(name);
      return '';
    }
    const secret = systemRandom.uuid();
    root?.tokens.set(name, { name, secret, privsep: false, expire: 0 });
    return JSON.stringify({ 'full-tokenid': `root@pam!${name}`, info: {}, value: secret });
  }

  /** Whether the platform still takes the token. */
  async isSpent(): Promise<boolean> {
    const run = await this.setup({ output: this.at('other/dc-agent.toml'), 'key-dir': this.at('other-keys') });
    return run.code !== EXIT.ok && /used already/.test(run.err);
  }

  /** Everything on the cluster that a setup could have left. */
  picture(): string {
    const { guests, pools, roles, users, acl, storages, nodes } = this.core.cluster;
    return JSON.stringify({
      guests: [...guests.keys()],
      pools: [...pools.keys()],
      roles: [...roles.keys()],
      users: [...users.values()].map(({ id, tokens }) => [id, [...tokens.keys()]]),
      acl,
      contents: [...storages.values()].map(({ content }) => [...content].sort()),
      volumes: [...nodes.values()].flatMap(({ volumes }) => [...volumes.keys()]),
    });
  }
}
