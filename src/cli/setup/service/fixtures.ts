import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recorder, type Terminal } from '../../../../test/cli/harness.ts';
import { EXIT } from '../../exit.ts';
import { reportFailure } from '../../failure.ts';
import { type InstallOptions, installService, removeService } from '../../handlers/setup-service.ts';
import type { Ended, ServiceHost } from './host.ts';

const SOURCES = new URL('../../../../systemd/', import.meta.url);

export const UNIT = 'etc/systemd/system/dc-agent.service';
export const DROP_IN = 'etc/systemd/system/dc-agent.service.d/10-setup.conf';
export const CONFIG = 'etc/dc-agent/dc-agent.toml';
export const RECORD = 'etc/dc-agent/setup-service.json';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder that stands for a host: real files, and commands that are only noted. Texts show its paths as if it were /. */
export class ServiceGround {
  readonly root: string;
  host: ServiceHost;
  /** Every command that was run, as typed. */
  readonly commands: string[] = [];
  /** What commands answer; everything else succeeds and prints nothing. */
  readonly answers = new Map<string, Partial<Ended>>([['id -u dc-agent', { code: 1, stderr: 'no such user' }]]);

  private constructor(root: string) {
    this.root = root;
    this.host = {
      root,
      user: 0,
      node: process.execPath,
      program: this.at('opt/dc-agent/dist/main.js'),
      hides: [this.at('root')],
      run: async (argv) => {
        const typed = argv.join(' ').replaceAll(root, '');
        this.commands.push(typed);
        return { code: 0, stdout: '', stderr: '', ...this.answers.get(typed) };
      },
    };
  }

  static async prepare(): Promise<ServiceGround> {
    const root = await mkdtemp(join(tmpdir(), 'dc-service-'));
    await chmod(root, 0o755);
    const ground = new ServiceGround(root);
    for (const folder of ['run/systemd/system', 'opt/dc-agent/dist', 'opt/dc-agent/systemd', 'root', 'etc/dc-agent']) {
      await mkdir(ground.at(folder), { recursive: true });
    }
    for (const name of await readdir(SOURCES)) {
      await copyFile(new URL(name, SOURCES), ground.at(`opt/dc-agent/systemd/${name}`));
    }
    await ground.release('1.2.3');
    await writeFile(ground.at('root/agent.key'), '1'.repeat(64), { mode: 0o600 });
    await ground.configure();
    return ground;
  }

  at(path: string): string {
    return join(this.root, path);
  }

  read(path: string): Promise<string> {
    return readFile(this.at(path), 'utf8');
  }

  /** Another version of the program is there now. */
  release(version: string): Promise<void> {
    return writeFile(this.host.program, `#!/usr/bin/env node\n// dc-agent ${version}\n`);
  }

  configure(key = `"${this.at('root/agent.key')}"`, rest = ''): Promise<void> {
    const scripts = ['provision', 'terminate', 'health_check'].map((name) => `${name} = "/opt/${name}"`);
    const lines = [
      '# mine',
      '[api]',
      'endpoint = "https://api.example.org"',
      `provider_pubkey = "${'2'.repeat(64)}"`,
      `agent_secret_key = ${key}`,
      rest,
      '[[targets]]',
      'name = "a"',
      'type = "script"',
      '[targets.script]',
      ...scripts,
    ];
    return writeFile(this.at(CONFIG), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  install(options: Partial<InstallOptions> = {}): Promise<Ran> {
    return this.#ran((io) => installService({ config: this.at(CONFIG), ...options }, io, this.host));
  }

  undo(options: { dryRun?: true } = {}): Promise<Ran> {
    return this.#ran((io) => removeService(options, io, this.host));
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }

  async #ran(work: (io: Terminal) => Promise<void>): Promise<Ran> {
    const io = recorder();
    const code = await work(io).then(
      () => EXIT.ok,
      (error: unknown) => reportFailure(error, io, '/etc/dc-agent/dc-agent.toml'),
    );
    const shown = (lines: readonly string[]): string => lines.join('\n').replaceAll(this.root, '');
    return { code, out: shown(io.lines.out), err: shown(io.lines.err) };
  }
}
