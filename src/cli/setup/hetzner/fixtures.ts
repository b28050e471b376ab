import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevHetzner, startDevHetzner } from '../../../../simulators/hetzner/dev.ts';
import { type DevPlatform, startDevPlatform } from '../../../../simulators/platform/cli.ts';
import { type Run, recorder, typed } from '../../../../test/cli/harness.ts';
import { EXIT } from '../../exit.ts';
import { reportFailure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { type HetznerOptions, readOptions } from './options.ts';
import { type SetupDeps, setUp } from './run.ts';
import { takeBackAll } from './take-back.ts';

type Given = Readonly<Record<string, string | true | null | readonly string[]>>;

/** A Hetzner project, a platform with a setup token, and a folder that stands for this host: all real servers. */
export class HetznerGround {
  readonly hetzner: DevHetzner;
  readonly platform: DevPlatform;
  readonly home: string;
  /** What came after the configuration was written. */
  readonly finished: HetznerOptions[] = [];

  private constructor(hetzner: DevHetzner, platform: DevPlatform, home: string) {
    this.hetzner = hetzner;
    this.platform = platform;
    this.home = home;
  }

  static async open(): Promise<HetznerGround> {
    const home = await mkdtemp(join(tmpdir(), 'dc-setup-hetzner-'));
    const hetzner = await startDevHetzner({ options: { speed: 1_000 } });
    const platform = await startDevPlatform({ keyDirectory: home, seedOffering: 'hcloud' });
    await writeFile(join(home, 'api.token'), `${hetzner.token}\n`, { mode: 0o600 });
    return new HetznerGround(hetzner, platform, home);
  }

  async close(): Promise<void> {
    await this.platform.close();
    await this.hetzner.close();
    await rm(this.home, { recursive: true, force: true });
  }

  at(path: string): string {
    return join(this.home, path);
  }

  read(path = 'etc/dc-agent.toml'): Promise<string> {
    return readFile(this.at(path), 'utf8');
  }

  async files(): Promise<string[]> {
    return (await readdir(this.at('etc')).catch(() => [])).filter((name) => !name.includes('.bak-'));
  }

  /** The options of a run that asks nothing. `null` leaves one out. */
  argv(more: Given = {}): string[] {
    const all: Given = {
      'api-token-file': this.at('api.token'),
      endpoint: this.hetzner.endpoint,
      in: ['fsn1', 'nbg1'],
      type: ['cx23', 'cpx22'],
      offering: 'small-vps',
      token: this.platform.setupToken,
      'platform-url': this.platform.url,
      output: this.at('etc/dc-agent.toml'),
      'key-dir': this.at('keys'),
      'state-dir': this.at('state'),
      'no-service': true,
      yes: true,
      ...more,
    };
    return Object.entries(all).flatMap(([name, value]) => {
      if (value === null) return [];
      if (value === true) return [`--${name}`];
      return (typeof value === 'string' ? [value] : value).map((one) => `--${name}=${one}`);
    });
  }

  /** As typed. */
  setup(more: Given = {}, io: Partial<Io> = {}): Promise<Run> {
    return typed(['setup', 'hetzner', ...this.argv(more)], { env: { HOME: this.home }, ...io });
  }

  undo(more: Given = {}): Promise<Run> {
    return this.setup({ undo: true, token: null, in: null, type: null, offering: null, ...more });
  }

  /** With this host's terminal replaced, and with what comes after only noted. Options by their names in the code. */
  async run(
    options: Readonly<Record<string, unknown>>,
    deps: Partial<SetupDeps> = {},
    io: Partial<Io> = {},
  ): Promise<Run> {
    const terminal = recorder({ env: { HOME: this.home }, ...io });
    const all: SetupDeps = {
      ask: undefined,
      zone: 'UTC',
      finish: {
        done: async (read) => {
          this.finished.push(read as HetznerOptions);
          return EXIT.ok;
        },
        undone: async () => {},
      },
      ...deps,
    };
    const output = this.at('etc/dc-agent.toml');
    const places = { output, keyDir: this.at('keys'), platformUrl: this.platform.url, endpoint: this.hetzner.endpoint };
    const work = async () => {
      const read = await readOptions({ config: output, operands: [], options: { ...places, ...options } }, terminal);
      return read.does === 'undo' ? takeBackAll(read, terminal, all) : setUp(read, terminal, all);
    };
    const code = await work().catch((error: unknown) => reportFailure(error, terminal, output));
    return { code, out: terminal.lines.out.join('\n'), err: terminal.lines.err.join('\n') };
  }

  /** Whether the platform still takes the token. */
  async isSpent(): Promise<boolean> {
    const other = { output: this.at('other/dc-agent.toml'), 'key-dir': this.at('other-keys'), firewall: 'none' };
    const run = await this.setup(other);
    return run.code !== EXIT.ok && /used already/.test(run.err);
  }

  /** Everything in the project that a setup could have left. */
  picture(): string {
    const { servers, sshKeys, firewalls, primaryIps } = this.hetzner.core.project;
    return JSON.stringify([servers, sshKeys, firewalls, primaryIps].map((things) => [...things.keys()]));
  }
}
