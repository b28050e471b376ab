import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { type DevSandbox, startDevSandbox } from '../../simulators/sandbox/dev.ts';
import type { Io } from '../../src/cli/io.ts';
import { type Run, typed } from './harness.ts';

/** A registered host whose platform and backend can be made to fail. */
export interface Ground {
  readonly home: string;
  readonly platform: DevPlatform;
  readonly sandbox: DevSandbox;
  /** The agent's public key. */
  readonly agent: string;
  /** A command of this host. */
  dc(argv: readonly string[], overrides?: Partial<Io>): Promise<Run>;
  close(): Promise<void>;
}

export async function prepareGround(): Promise<Ground> {
  const home = await mkdtemp(join(tmpdir(), 'dc-ground-'));
  const started = await startDevPlatform({ keyDirectory: home });
  let closed: Promise<void> | undefined;
  // A test may end it before its time.
  const platform: DevPlatform = { ...started, close: () => (closed ??= started.close()) };
  const sandbox = await startDevSandbox({ socketPath: join(home, 'sandbox.sock') });
  const dc: Ground['dc'] = (argv, overrides) =>
    typed(['--config', join(home, 'a.toml'), ...argv], { env: { HOME: home }, ...overrides });
  const setup = await dc([
    'setup',
    'token',
    `--token=${platform.setupToken}`,
    `--api-url=${platform.url}`,
    '--provisioner=sandbox',
    `--set=socket_path=${sandbox.socketPath}`,
    `--state-dir=${join(home, 'state')}`,
  ]);
  if (setup.code !== 0) throw new Error(setup.err);
  return {
    home,
    platform,
    sandbox,
    agent: await readFile(join(home, '.dc-agent', 'agent.pub'), 'utf8'),
    dc,
    async close() {
      await platform.close();
      await sandbox.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
