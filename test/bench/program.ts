import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPlatformServer } from '../../simulators/platform/http.ts';
import { startSandbox } from '../../simulators/sandbox/server.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { type Built, buildProgram, type Process, start } from '../cli/built.ts';
import { type Market, openMarket } from './market.ts';

/** Runs `work` with the shipped program, which is built when it is first asked for, and removed afterwards. */
export async function withProgram<T>(work: (program: () => Promise<string>) => Promise<T>): Promise<T> {
  let built: Promise<Built> | undefined;
  try {
    return await work(async () => (await (built ??= buildProgram())).file);
  } finally {
    await (await built)?.remove();
  }
}

export interface Polling {
  readonly reconcile?: number;
  readonly work?: number;
  readonly health?: number;
}

const UNIT = new URL('../../systemd/dc-agent.service', import.meta.url);

/** What the shipped unit puts into the agent's environment. */
async function unitEnvironment(): Promise<Record<string, string>> {
  const lines = (await readFile(UNIT, 'utf8')).matchAll(/^Environment=(\w+)=(\S+)$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

/** A host on which the real program can run: its platform and its backend are simulators in this process, behind real sockets. */
export interface Host {
  readonly market: Market;
  readonly agentKey: string;
  /** Where the ledger will be. */
  readonly ledger: string;
  run(): Process;
}

export async function openHost(
  program: string,
  directory: string,
  closing: (() => Promise<unknown>)[],
  polling: Polling = {},
): Promise<Host> {
  const market = openMarket(systemClock, systemRandom);
  const server = await startPlatformServer({ core: market.platform });
  closing.push(() => server.close());
  const socketPath = join(directory, 'sandbox.sock');
  const sandbox = await startSandbox({ core: market.backend, listen: { socketPath }, ssh: 'none' });
  closing.push(() => sandbox.close());
  const { seed, key } = market.agent();
  const keyFile = join(directory, 'agent.key');
  await writeFile(keyFile, seed, { mode: 0o600 });
  const config = join(directory, 'dc-agent.toml');
  await writeFile(
    config,
    configuration({ endpoint: server.url, provider: market.provider, keyFile, socketPath, directory, polling }),
    {
      mode: 0o600,
    },
  );
  const environment = await unitEnvironment();
  return {
    market,
    agentKey: key,
    ledger: join(directory, 'state', 'ledger'),
    run() {
      const child = start(
        program,
        ['--config', config, 'run', '--log-level', 'warn', '--log-format', 'json'],
        environment,
      );
      closing.push(() => {
        child.signal('SIGKILL');
        return child.ended;
      });
      return child;
    },
  };
}

interface Facts {
  readonly endpoint: string;
  readonly provider: string;
  readonly keyFile: string;
  readonly socketPath: string;
  readonly directory: string;
  readonly polling: Polling;
}

function configuration({ endpoint, provider, keyFile, socketPath, directory, polling }: Facts): string {
  const text = JSON.stringify;
  const { reconcile = 30, work = 3, health = 300 } = polling;
  return `[api]
endpoint = ${text(endpoint)}
provider_pubkey = ${text(provider)}
agent_secret_key = ${text(keyFile)}

[polling]
interval_seconds = ${reconcile}
work_interval_seconds = ${work}
health_check_interval_seconds = ${health}

[agent]
state_dir = ${text(join(directory, 'state'))}

[provisioner]
type = "sandbox"

[provisioner.sandbox]
socket_path = ${text(socketPath)}
`;
}
