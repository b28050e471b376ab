import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentId } from '../../../ports/ids.ts';
import { Failure } from '../../failure.ts';
import type { ServiceHost } from '../service/host.ts';
import { findProgram, findUnitFiles, type ServiceProgram } from '../service/program.ts';
import { digest, type NewFile, readIfThere } from '../service/steps.ts';
import { needsAccount } from './account.ts';
import { standingTable, withGateway } from './config-table.ts';
import { decideGateway, type GatewayChoice, type Standing } from './decide.ts';
import type { GatewayWish } from './options.ts';
import { type GatewayRecord, gatewayPlaces, readGatewayRecord } from './record.ts';
import { survey } from './survey.ts';

/** Everything that the gateway will consist of on this host, found out before anything is changed. */
export interface GatewayPlan {
  readonly choice: GatewayChoice;
  readonly config: string;
  readonly configText: string;
  readonly files: readonly NewFile[];
  readonly packages: readonly string[];
  /** Where the account for certificates is kept; absent where nobody asks for one. */
  readonly account?: { readonly file: string; readonly state: 'to be had' | 'kept' };
  readonly units: readonly string[];
  readonly record: GatewayRecord;
  readonly before: GatewayRecord | undefined;
}

/** Throws Failure or ConfigError when it could not work, with nothing changed. */
export async function planGateway(
  wish: GatewayWish,
  config: string,
  agent: AgentId,
  host: ServiceHost,
): Promise<GatewayPlan> {
  const places = gatewayPlaces(host.root);
  const before = await readGatewayRecord(places.record);
  const facts = await survey(host);
  const text = await readFile(config, 'utf8');
  const standing = standingTable(text, config);
  const choice = decideGateway(wish, facts, standing, agent);
  const [taken] = facts.portsTaken;
  if (choice.web === 'caddy' && taken !== undefined) throw portTaken(taken);
  const table = withGateway(text, config, choice);
  const program = await findProgram(host);
  const folder = await findUnitFiles(program.file, wish.files);
  const files = await filesOf(choice, config, program, folder, places);
  const packages = [
    ...(facts.hasNft ? [] : ['nftables']),
    ...(choice.web === 'off' || facts.hasCaddy ? [] : ['caddy']),
  ];
  const account = await accountOf(choice, standing, places.acmeDns);
  return {
    choice,
    config,
    configText: table.text,
    files,
    packages,
    ...(account === undefined ? {} : { account }),
    units: [
      'dc-agent-netd.socket',
      'dc-agent-netd.service',
      ...(choice.web === 'off' ? [] : ['dc-agent-caddy.service']),
    ],
    before,
    record: {
      version: 1,
      files: Object.fromEntries(files.map((file) => [file.path, digest(file.text)])),
      config: { file: config, added: before?.config.added ?? table.added },
      packages: [...new Set([...(before?.packages ?? []), ...packages])],
      forwarding: before?.forwarding ?? ((await readIfThere(places.forwarding))?.trim() === '1' ? 'was-on' : 'was-off'),
    },
  };
}

/** The platform makes names only below an id that was registered, so machines without HTTPS want it too. */
async function accountOf(choice: GatewayChoice, standing: Standing, standard: string): Promise<GatewayPlan['account']> {
  const forCertificates = choice.web === 'caddy' && choice.certificates === 'acme-dns';
  const forNames = (standing['dns'] ?? 'platform') === 'platform';
  if (!forCertificates && !forNames) return undefined;
  const given = standing['acme_dns_file'];
  const file = typeof given === 'string' ? given : standard;
  return { file, state: (await needsAccount(file, choice.dcId)) ? 'to be had' : 'kept' };
}

async function filesOf(
  choice: GatewayChoice,
  config: string,
  program: ServiceProgram,
  folder: string,
  places: ReturnType<typeof gatewayPlaces>,
): Promise<NewFile[]> {
  const unit = async (name: string): Promise<NewFile> => ({
    path: join(places.units, name),
    text: await readFile(join(folder, name), 'utf8'),
    mode: 0o644,
  });
  const dropIn = [
    '# Written by "dc-agent setup gateway". Settings of your own belong elsewhere: systemctl edit dc-agent-netd',
    '[Service]',
    'ExecStart=',
    `ExecStart=${program.node} ${program.file} --config ${config} netd`,
    '',
  ].join('\n');
  return [
    await unit('dc-agent-netd.socket'),
    await unit('dc-agent-netd.service'),
    { path: join(places.units, 'dc-agent-netd.service.d/10-setup.conf'), text: dropIn, mode: 0o644, shows: dropIn },
    { path: places.sysctl, text: SYSCTL, mode: 0o644, shows: SYSCTL },
    ...(choice.web === 'off'
      ? []
      : [await unit('dc-agent-caddy.service'), { path: places.caddyConfig, text: CADDY, mode: 0o644, shows: CADDY }]),
  ];
}

const SYSCTL = "# Packets for tenants' machines pass through this host.\nnet.ipv4.ip_forward = 1\n";

/** What a Caddy that knows nothing begins with: where the agent reaches it. The agent puts names and certificates in. */
const CADDY = `${JSON.stringify(
  { admin: { listen: 'unix//run/dc-agent-caddy/admin.sock', origins: ['localhost'] } },
  undefined,
  2,
)}\n`;

function portTaken(port: number): Failure {
  return new Failure({
    what: `another program on this host listens on port ${port}`,
    next: 'Move it or, if it is a Caddy of yours, let the agent use that one (web and caddy_admin_socket in [gateway], see docs/gateway.md). Or do without names and HTTPS:',
    command: 'dc-agent setup gateway --no-web',
  });
}
