import type { Secret } from '../ports/secret.ts';

/** The whole configuration, parsed and checked. Everything downstream trusts it. */
export interface Config {
  /** The file it was read from. */
  readonly file: string;
  readonly api: ApiConfig;
  readonly polling: PollingConfig;
  readonly agent: AgentConfig;
  readonly recipes: RecipesConfig;
  /** In the file's order; the first is the default. Never empty. */
  readonly targets: readonly TargetConfig[];
  readonly gateway?: GatewayConfig;
  /** What was ignored or looks wrong and yet does not stop the agent. */
  readonly warnings: readonly ConfigWarning[];
}

export interface ApiConfig {
  /** Without a trailing slash. */
  readonly endpoint: string;
  /** 64 lower-case hex digits. */
  readonly providerPubkey: string;
  readonly agentKey: KeySource;
  readonly poolId?: string;
  /** The request budget; the platform's own limits where absent. */
  readonly readsPerMinute?: number;
  readonly writesPerMinute?: number;
}

/** Where the agent key comes from: 64 hex digits that were read already, or a key file that is yet to be read. */
export type KeySource =
  | { readonly kind: 'hex'; readonly secret: Secret }
  | { readonly kind: 'file'; readonly path: string };

export interface PollingConfig {
  /** The reconcile cycle. */
  readonly intervalSeconds: number;
  /** How often the platform is asked for new work. */
  readonly workIntervalSeconds: number;
  readonly healthCheckIntervalSeconds: number;
  readonly orphanGracePeriodSeconds: number;
}

export interface AgentConfig {
  /** Absolute. */
  readonly stateDir: string;
  readonly maxConcurrentProvisioning: number;
  readonly breakerMaxCount: number;
  /** Above 0, at most 1. */
  readonly breakerMaxShare: number;
  readonly breakerHoldSeconds: number;
  readonly memoryHeadroomMb: number;
}

/** What is deployed where neither contract nor offering says. */
export interface RecipesConfig {
  readonly onFailure: 'fail' | 'deliver';
  readonly timeoutSeconds: number;
  readonly script?: string;
  readonly cloudInit?: string;
}

/** One configured backend. */
export interface TargetConfig {
  readonly name: string;
  /** The provisioner's type, or `npm:…` or `file:…` for a third-party plugin. */
  readonly type: string;
  /** What the plugin's own schema made of its table. */
  readonly settings: unknown;
  readonly isDefault: boolean;
}

export interface GatewayConfig {
  readonly dcId: string;
  readonly publicIp: string;
  readonly domain: string;
  readonly gwPrefix: string;
  readonly portRangeStart: number;
  /** Inclusive. */
  readonly portRangeEnd: number;
  readonly portsPerVm: number;
  readonly policy: 'required' | 'best-effort';
  readonly dns: 'platform' | 'wildcard' | 'none';
  /** All when absent. */
  readonly targets?: readonly string[];
  /** Both directions together. */
  readonly monthlyAllowanceBytes?: number;
  /** How fast a machine is that has used it up; absent where it is not slowed down. */
  readonly throttleMbit?: number;
  readonly caddySitesDir: string;
  readonly portAllocationsPath: string;
  /** Where traffic for `publicIp` arrives on this host; mostly the same address. */
  readonly localIp: string;
  /** As `address/length`, without host bits. */
  readonly tenantNetwork: string;
  readonly tenantNetworkV6?: string;
  readonly tenantInterfaces: readonly string[];
  /** `tcp/53`, ... */
  readonly hostServices: readonly string[];
  readonly allowedNetworks: readonly string[];
  readonly smtp: 'deny' | 'allow';
  readonly metadata: 'deny' | 'allow';
  readonly newConnectionsPerSecond?: number;
  readonly bandwidthMbit?: number;
  readonly web: 'caddy' | 'off';
  readonly tenantNames: 'deny' | 'allow';
  /** Domains, of which nobody gets a part. */
  readonly reservedNames: readonly string[];
  readonly caddyAdminSocket: string;
  readonly certificates: 'acme-dns' | 'internal';
  readonly acmeDnsFile: string;
  readonly nftTable: string;
  readonly helperSocket: string;
}

/** A place in the file, counted from 1; 0 means the file as a whole. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ConfigWarning extends Place {
  /** Stable, for scripts: `ignored-key`, `loose-file-mode`, ... */
  readonly code: string;
  readonly path: string;
  readonly message: string;
}

/** No part of it ever holds a value from the file, except where a plugin is that is not loaded. */
export interface ConfigProblem extends Place {
  /** Dotted, as in `targets[0].docker.network`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly suggestion?: string;
}

/** The file cannot be used; `problems` are all that were found, in the file's order. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** One line: `file:line:column: path: message; expected ...; did you mean ...?` */
export function formatProblem(problem: ConfigProblem): string {
  const parts = [problem.path === '' ? problem.message : `${problem.path}: ${problem.message}`];
  if (problem.expected !== undefined) parts.push(`expected ${problem.expected}`);
  if (problem.suggestion !== undefined) parts.push(problem.suggestion);
  return `${formatPlace(problem)}: ${parts.join('; ')}`;
}

export function formatWarning(warning: ConfigWarning): string {
  return `${formatPlace(warning)}: warning: ${warning.path === '' ? '' : `${warning.path}: `}${warning.message}`;
}

function formatPlace({ file, line, column }: Place): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}
