import { isAbsolute } from 'node:path';
import type { z } from 'zod';
import { withEnvironment } from '../provisioner/settings.ts';
import { type Document, parseDocument, readConfigFile } from './document.ts';
import { reportIssues, reportUnknownKey } from './issues.ts';
import type { KeyPath } from './locate.ts';
import { reportPlaceholders } from './placeholders.ts';
import { type Plugins, TABLES } from './reference.ts';
import { createReport, type Report } from './report.ts';
import type { agentTable, apiTable, gatewayTable, pollingTable, recipesTable } from './schema.ts';
import { isTable, type Table } from './tables.ts';
import { type Provisioners, type ReadTarget, readTargets, thirdPartyTypes } from './targets.ts';
import { type AgentConfig, type Config, ConfigError, type GatewayConfig, type RecipesConfig } from './types.ts';
import { warnAboutFile, warnAboutValues } from './warnings.ts';

export interface LoadOptions {
  /** The provisioners that this version drives, by type. */
  readonly plugins: Plugins;
  /** Those of which it only knows the settings: their keys are understood, and a target of theirs is refused. */
  readonly planned?: Plugins;
  /** Third-party plugins that the file names and that could not be loaded, and why. */
  readonly refused?: ReadonlyMap<string, string>;
  /** For STATE_DIRECTORY and CREDENTIALS_DIRECTORY; the process's own when left out. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Reads the configuration file. Throws ConfigError with everything that is wrong with it. */
export function loadConfig(file: string, options: LoadOptions): Config {
  const { text, mode } = readConfigFile(file);
  return parseDetails(text, file, options, { mode, plannedIs: 'problem' }).config;
}

/** The same for a text that is in memory already; `file` is only what errors call it. */
export function parseConfig(text: string, file: string, options: LoadOptions): Config {
  return parseDetails(text, file, options, { plannedIs: 'problem' }).config;
}

/** A configuration together with how it was written; for those who explain it. */
export interface ConfigDetails {
  readonly config: Config;
  readonly document: Document;
  readonly targets: readonly ReadTarget[];
}

/** As `loadConfig`, for those who only look at the file: a target of a planned provisioner is a warning to them. */
export function inspectConfig(file: string, options: LoadOptions): ConfigDetails {
  const { text, mode } = readConfigFile(file);
  return parseDetails(text, file, options, { mode, plannedIs: 'warning' });
}

export const DEFAULT_PLUGINS_DIR = '/usr/local/lib/dc-agent/plugins';

/** Third-party plugins that have to be loaded before the file that names them can be. */
export interface NamedPlugins {
  readonly types: readonly string[];
  /** Where packages are looked for. */
  readonly directory: string;
}

/** None where the file cannot be read: why not is for `loadConfig` to say. */
export function namedPlugins(file: string): NamedPlugins {
  let document: Document;
  try {
    document = parseDocument(readConfigFile(file).text, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { types: [], directory: DEFAULT_PLUGINS_DIR };
  }
  const { content, locator } = document;
  const own = isTable(content.agent) ? content.agent.plugins_dir : undefined;
  return {
    types: thirdPartyTypes(content, createReport(file, locator)),
    directory: typeof own === 'string' && isAbsolute(own) ? own : DEFAULT_PLUGINS_DIR,
  };
}

interface Reading {
  /** Of the file, where there is one. */
  readonly mode?: number;
  readonly plannedIs: Provisioners['plannedIs'];
}

function parseDetails(text: string, file: string, options: LoadOptions, { mode, plannedIs }: Reading): ConfigDetails {
  const document = parseDocument(text, file);
  const report = createReport(file, document.locator);
  const { plugins, planned = new Map(), refused = new Map(), env = process.env } = options;
  const provisioners = { plugins, planned, plannedIs, refused };
  const read = withEnvironment(env, () => readTables(document.content, provisioners, report));
  if (report.problems.length === 0) {
    warnAboutValues(document.content, report);
    if (mode !== undefined) warnAboutFile(document.content, read.targets, mode, report);
  }
  const { api, polling, agent, recipes, gateway, targets } = read;
  if (report.problems.length > 0 || !api || !polling || !agent || !recipes) {
    throw new ConfigError(inFileOrder(report.problems));
  }
  const config: Config = {
    file,
    api: {
      endpoint: api.endpoint,
      providerPubkey: api.provider_pubkey,
      agentKey: api.agent_secret_key,
      ...(api.pool_id === undefined ? {} : { poolId: api.pool_id }),
      ...(api.reads_per_minute === undefined ? {} : { readsPerMinute: api.reads_per_minute }),
      ...(api.writes_per_minute === undefined ? {} : { writesPerMinute: api.writes_per_minute }),
    },
    polling: {
      intervalSeconds: polling.interval_seconds,
      workIntervalSeconds: polling.work_interval_seconds,
      healthCheckIntervalSeconds: polling.health_check_interval_seconds,
      orphanGracePeriodSeconds: polling.orphan_grace_period_seconds,
    },
    agent: agentConfig(agent, env),
    recipes: recipesConfig(recipes),
    targets: targets.map(({ name, type, settings, isDefault }) => ({ name, type, settings, isDefault })),
    ...(gateway === undefined ? {} : { gateway: gatewayConfig(gateway) }),
    warnings: inFileOrder(report.warnings),
  };
  return { config, document, targets };
}

/** The `[gateway]` table alone, for who needs nothing else of the file; undefined where there is none. Throws ConfigError. */
export function loadGateway(file: string): GatewayConfig | undefined {
  const document = parseDocument(readConfigFile(file).text, file);
  if (document.content.gateway === undefined) return undefined;
  const report = createReport(file, document.locator);
  const gateway = readTable(document.content, 'gateway', TABLES.gateway, report, []);
  if (gateway === undefined || report.problems.length > 0) throw new ConfigError(inFileOrder(report.problems));
  return gatewayConfig(gateway);
}

interface ReadTables {
  readonly api: z.output<typeof apiTable> | undefined;
  readonly polling: z.output<typeof pollingTable> | undefined;
  readonly agent: z.output<typeof agentTable> | undefined;
  readonly recipes: z.output<typeof recipesTable> | undefined;
  readonly gateway: z.output<typeof gatewayTable> | undefined;
  readonly targets: ReadTarget[];
}

function readTables(document: Table, provisioners: Provisioners, report: Report): ReadTables {
  const known = [...Object.keys(TABLES), 'provisioner', 'additional_provisioners', 'targets'];
  for (const key of Object.keys(document)) {
    if (!known.includes(key)) reportUnknownKey(report, [key], known);
  }
  const unused: KeyPath[] = [];
  const read = {
    api: readTable(document, 'api', TABLES.api, report, unused),
    polling: readTable(document, 'polling', TABLES.polling, report, unused),
    agent: readTable(document, 'agent', TABLES.agent, report, unused),
    recipes: readTable(document, 'recipes', TABLES.recipes, report, unused),
    gateway:
      document.gateway === undefined ? undefined : readTable(document, 'gateway', TABLES.gateway, report, unused),
    targets: readTargets(document, provisioners, report, unused),
  };
  reportUnknownTargets(read, report);
  reportPlaceholders(document, unused, report);
  return read;
}

function reportUnknownTargets({ gateway, targets }: ReadTables, report: Report): void {
  const names = targets.map(({ name }) => name);
  for (const [index, name] of (gateway?.targets ?? []).entries()) {
    if (!names.includes(name))
      report.problem(['gateway', 'targets', index], 'is no target', { expected: `one of ${names.join(', ')}` });
  }
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

function recipesConfig(recipes: z.output<typeof recipesTable>): RecipesConfig {
  const { on_failure, timeout_seconds, post_provision_script, cloud_init_config } = recipes;
  return {
    onFailure: on_failure,
    timeoutSeconds: timeout_seconds,
    ...(post_provision_script === undefined ? {} : { script: post_provision_script }),
    ...(cloud_init_config === undefined ? {} : { cloudInit: cloud_init_config }),
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
    policy: gateway.policy,
    dns: gateway.dns,
    ...(gateway.targets === undefined ? {} : { targets: gateway.targets }),
    ...(gateway.monthly_allowance_gb === undefined
      ? {}
      : { monthlyAllowanceBytes: gateway.monthly_allowance_gb * 1e9 }),
    ...(gateway.allowance_action === 'throttle' ? { throttleMbit: gateway.throttle_mbit } : {}),
    caddySitesDir: gateway.caddy_sites_dir,
    portAllocationsPath: gateway.port_allocations_path,
    localIp: gateway.local_ip ?? gateway.public_ip,
    tenantNetwork: gateway.tenant_network,
    ...(gateway.tenant_network_v6 === undefined ? {} : { tenantNetworkV6: gateway.tenant_network_v6 }),
    tenantInterfaces: gateway.tenant_interfaces,
    hostServices: gateway.host_services,
    allowedNetworks: gateway.allowed_networks,
    smtp: gateway.smtp,
    metadata: gateway.metadata,
    ...(gateway.new_connections_per_second === undefined
      ? {}
      : { newConnectionsPerSecond: gateway.new_connections_per_second }),
    ...(gateway.bandwidth_mbit === undefined ? {} : { bandwidthMbit: gateway.bandwidth_mbit }),
    web: gateway.web,
    tenantNames: gateway.tenant_names,
    reservedNames: gateway.reserved_names,
    caddyAdminSocket: gateway.caddy_admin_socket,
    certificates: gateway.certificates,
    acmeDnsFile: gateway.acme_dns_file,
    nftTable: gateway.nft_table,
    helperSocket: gateway.helper_socket,
  };
}

function inFileOrder<T extends { line: number; column: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.line - b.line || a.column - b.column);
}
