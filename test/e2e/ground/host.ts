import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SignedClient } from '../../../simulators/platform/signed-client.ts';
import { type Process, start } from '../../cli/built.ts';
import { type Run, typed } from '../../cli/harness.ts';
import type { Backend } from './backend.ts';

export interface HostSettings {
  readonly program: string;
  readonly directory: string;
  readonly endpoint: string;
  readonly provider: string;
  readonly seed: SignedClient['seed'];
  readonly agent: string;
  readonly backend: Backend;
  readonly choices: HostChoices;
}

export interface HostChoices {
  readonly lanes?: number;
  /** How often the health of a machine is reported. */
  readonly healthSeconds?: number;
  /** Default: a directory of its own. */
  readonly stateDir?: string;
  /** A command that runs the agent in some other place than the test itself is in. */
  readonly inside?: readonly string[];
  /** Further tables of the configuration. */
  readonly tables?: string;
}

/** One provider's host: a configuration, a key, a state directory, and at most one agent that runs there. */
export class Host {
  readonly agent: string;
  readonly stateDir: string;
  readonly #program: string;
  readonly config: string;
  readonly #inside: readonly string[];
  #current: Process | undefined;
  /** What earlier agents of this host have printed. */
  #said = '';

  constructor({ program, agent, directory, choices }: HostSettings) {
    this.agent = agent;
    this.stateDir = choices.stateDir ?? join(directory, 'state');
    this.#program = program;
    this.#inside = choices.inside ?? [];
    this.config = join(directory, 'dc-agent.toml');
  }

  /** Starts the agent as a service manager would. */
  run(env: Readonly<Record<string, string>> = {}): Process {
    this.#said = this.said;
    const process = start(this.#program, ['--config', this.config, 'run', '--log-level', 'debug'], env, this.#inside);
    this.#current = process;
    return process;
  }

  /** Everything that its agents have logged. */
  get said(): string {
    return this.#current === undefined ? this.#said : this.#said + this.#current.out() + this.#current.err();
  }

  /** The end of that, for the message of a test that fails. */
  get lately(): string {
    return this.said.slice(-4000);
  }

  /** A command of this host, in this process. */
  dc(...argv: string[]): Promise<Run> {
    return typed(['--config', this.config, ...argv]);
  }

  async isClosed(contract: string): Promise<boolean> {
    const { code, out } = await this.dc('explain', contract, '--json');
    return code === 0 && JSON.parse(out).phase === 'closed';
  }

  /** As the power would go. */
  async kill(): Promise<void> {
    this.#current?.signal('SIGKILL');
    await this.#current?.ended;
  }

  /** As a service manager would end it. Resolves with how it ended. */
  async stop(): Promise<Awaited<Process['ended']> | undefined> {
    this.#current?.signal('SIGTERM');
    return this.#current?.ended;
  }
}

export async function setUpHost(settings: HostSettings): Promise<Host> {
  const { directory, seed } = settings;
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'agent.key'), seed, { mode: 0o600 });
  const host = new Host(settings);
  await writeFile(join(directory, 'dc-agent.toml'), configuration(settings, host.stateDir), { mode: 0o600 });
  return host;
}

function configuration({ directory, endpoint, provider, backend, choices }: HostSettings, stateDir: string): string {
  const { lanes = 4, healthSeconds = 300, tables = '' } = choices;
  return `
[api]
endpoint = ${JSON.stringify(endpoint)}
provider_pubkey = "${provider}"
agent_secret_key = ${JSON.stringify(join(directory, 'agent.key'))}
# The platform of these tests has no limit.
reads_per_minute = 1000000
writes_per_minute = 1000000

[polling]
interval_seconds = 1
work_interval_seconds = 1
health_check_interval_seconds = ${healthSeconds}

[agent]
state_dir = ${JSON.stringify(stateDir)}
max_concurrent_provisioning = ${lanes}
# Tests end many machines at once, and mean it.
breaker_max_count = 1000

[provisioner]
type = "${backend.type}"

[provisioner.${backend.type}]
${backend.settings}
${tables}`;
}
