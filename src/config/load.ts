import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { TextDecoder } from 'node:util';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { withEnvironment } from '../provisioner/settings.ts';
import { reportIssues, reportUnknownKey } from './issues.ts';
import { type KeyLocator, type KeyPath, locateKeys } from './locate.ts';
import { reportPlaceholders } from './placeholders.ts';
import { type Plugins, TABLES } from './reference.ts';
import { createReport, type Report } from './report.ts';
import type { agentTable, apiTable, gatewayTable, pollingTable } from './schema.ts';
import { closest } from './suggest.ts';
import { isTable, type Table } from './tables.ts';
import { type ReadTarget, readTargets } from './targets.ts';
import { type AgentConfig, type Config, ConfigError, type GatewayConfig } from './types.ts';
import { warnAboutFile, warnAboutValues } from './warnings.ts';

export interface LoadOptions {
  /** The provisioners that this agent has, by type. */
  readonly plugins: Plugins;
  /** For STATE_DIRECTORY and CREDENTIALS_DIRECTORY; the process's own when left out. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Reads the configuration file. Throws ConfigError with everything that is wrong with it. */
export function loadConfig(file: string, options: LoadOptions): Config {
  return loadDetails(file, options).config;
}

/** The same for a text that is in memory already; `file` is only what errors call it. */
export function parseConfig(text: string, file: string, options: LoadOptions): Config {
  return parseDetails(text, file, options).config;
}

/** A configuration together with how it was written; for those who explain it. */
export interface ConfigDetails {
  readonly config: Config;
  readonly document: Table;
  readonly locator: KeyLocator;
  readonly targets: readonly ReadTarget[];
}

export function loadDetails(file: string, options: LoadOptions): ConfigDetails {
  const { text, mode } = readConfigFile(file);
  return parseDetails(text, file, options, mode);
}

function parseDetails(text: string, file: string, options: LoadOptions, mode?: number): ConfigDetails {
  const document = parseToml(text, file);
  const locator = locateKeys(text);
  const report = createReport(file, locator);
  const env = options.env ?? process.env;
  const read = withEnvironment(env, () => readDocument(document, options.plugins, report));
  if (report.problems.length === 0) {
    warnAboutValues(document, report);
    if (mode !== undefined) warnAboutFile(document, read.targets, options.plugins, mode, report);
  }
  const { api, polling, agent, gateway, targets } = read;
  if (report.problems.length > 0 || !api || !polling || !agent) {
    throw new ConfigError(inFileOrder(report.problems));
  }
  const config: Config = {
    file,
    api: {
      endpoint: api.endpoint,
      providerPubkey: api.provider_pubkey,
      agentKey: api.agent_secret_key,
      ...(api.pool_id === undefined ? {} : { poolId: api.pool_id }),
    },
    polling: {
      intervalSeconds: polling.interval_seconds,
      workIntervalSeconds: polling.work_interval_seconds,
      healthCheckIntervalSeconds: polling.health_check_interval_seconds,
      orphanGracePeriodSeconds: polling.orphan_grace_period_seconds,
    },
    agent: agentConfig(agent, env),
    targets: targets.map(({ name, type, settings, isDefault }) => ({ name, type, settings, isDefault })),
    ...(gateway === undefined ? {} : { gateway: gatewayConfig(gateway) }),
    warnings: inFileOrder(report.warnings),
  };
  return { config, document, locator, targets };
}

const MAX_FILE_BYTES = 1 << 20;

function readConfigFile(file: string): { text: string; mode: number } {
  const fail = (message: string, suggestion?: string): never => {
    const problem = { file, line: 0, column: 0, path: '', message };
    throw new ConfigError([suggestion === undefined ? problem : { ...problem, suggestion }]);
  };
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code !== 'ENOENT') return fail(`cannot be opened (${code})`);
    return fail('there is no such file', 'make one with: dc-agent setup token, or name another with --config');
  }
  try {
    const { size, mode } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return fail('is not a regular file');
    if (size > MAX_FILE_BYTES) return fail(`is larger than ${MAX_FILE_BYTES} bytes`);
    const text = decode(readFileSync(descriptor));
    return text === undefined ? fail('is not UTF-8 text') : { text, mode };
  } finally {
    closeSync(descriptor);
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The parser's own message quotes the lines around the error, and with them any secret in those lines; so only its first line is kept, and no cause. */
function parseToml(text: string, file: string): Table {
  try {
    return parse(text, { maxDepth: 32, unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? '';
    throw new ConfigError([
      { file, line: error.line, column: error.column, path: '', message: `is not TOML: ${message}` },
    ]);
  }
}

interface ReadDocument {
  readonly api: z.output<typeof apiTable> | undefined;
  readonly polling: z.output<typeof pollingTable> | undefined;
  readonly agent: z.output<typeof agentTable> | undefined;
  readonly gateway: z.output<typeof gatewayTable> | undefined;
  readonly targets: ReadTarget[];
}

function readDocument(document: Table, plugins: Plugins, report: Report): ReadDocument {
  const known = [...Object.keys(TABLES), 'provisioner', 'additional_provisioners', 'targets'];
  for (const key of Object.keys(document)) {
    if (!known.includes(key)) reportUnknownKey(report, [key], closest(key, known));
  }
  const unused: KeyPath[] = [];
  const read = {
    api: readTable(document, 'api', TABLES.api, report, unused),
    polling: readTable(document, 'polling', TABLES.polling, report, unused),
    agent: readTable(document, 'agent', TABLES.agent, report, unused),
    gateway:
      document.gateway === undefined ? undefined : readTable(document, 'gateway', TABLES.gateway, report, unused),
    targets: readTargets(document, plugins, report, unused),
  };
  reportPlaceholders(document, unused, report);
  return read;
}

/** Keys that the reference agent reads and this one does not need. */
const LEGACY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  api: {
    provider_secret_key: 'ignored: the agent signs with agent_secret_key only; take the provider’s key off this host',
  },
  polling: { orphan_tracker_path: 'ignored: what is known of machines is kept in the ledger, under state_dir' },
};

function readTable<S extends z.ZodType>(
  document: Table,
  name: string,
  schema: S,
  report: Report,
  unused: KeyPath[],
): z.output<S> | undefined {
  const written = document[name] ?? {};
  if (!isTable(written)) {
    report.problem([name], 'is not a table', { expected: `[${name}]` });
    return undefined;
  }
  const table: Table = {};
  for (const [key, value] of Object.entries(written)) {
    const legacy = Object.hasOwn(LEGACY, name) ? LEGACY[name] : undefined;
    if (legacy !== undefined && Object.hasOwn(legacy, key)) {
      unused.push([name, key]);
      report.warn('ignored-key', [name, key], legacy[key] ?? 'ignored');
    } else {
      table[key] = value;
    }
  }
  const result = schema.safeParse(table);
  if (result.success) return result.data;
  reportIssues(report, schema, table, result.error.issues, (path) => [name, ...path]);
  return undefined;
}

function agentConfig(agent: z.output<typeof agentTable>, env: NodeJS.ProcessEnv): AgentConfig {
  return {
    stateDir: agent.state_dir ?? stateDirectoryFrom(env) ?? DEFAULT_STATE_DIR,
    maxConcurrentProvisioning: agent.max_concurrent_provisioning,
    breakerMaxCount: agent.breaker_max_count,
    breakerMaxShare: agent.breaker_max_share,
    breakerHoldSeconds: agent.breaker_hold_seconds,
    memoryHeadroomMb: agent.memory_headroom_mb,
  };
}

export const DEFAULT_STATE_DIR = '/var/lib/dc-agent';

/** systemd joins several StateDirectory= entries with colons. */
export function stateDirectoryFrom(env: NodeJS.ProcessEnv): string | undefined {
  return env.STATE_DIRECTORY?.split(':').find((path) => path.startsWith('/'));
}

function gatewayConfig(gateway: z.output<typeof gatewayTable>): GatewayConfig {
  return {
    dcId: gateway.dc_id,
    publicIp: gateway.public_ip,
    domain: gateway.domain,
    gwPrefix: gateway.gw_prefix,
    portRangeStart: gateway.port_range_start,
    portRangeEnd: gateway.port_range_end,
    portsPerVm: gateway.ports_per_vm,
    caddySitesDir: gateway.caddy_sites_dir,
    portAllocationsPath: gateway.port_allocations_path,
  };
}

function inFileOrder<T extends { line: number; column: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.line - b.line || a.column - b.column);
}
