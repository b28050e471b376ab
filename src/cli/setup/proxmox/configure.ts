import { builtinPlugins } from '../../../../provisioners/index.ts';
import type { ProxmoxSettings } from '../../../../provisioners/proxmox/setup/index.ts';
import { ConfigError, formatProblem, parseConfig } from '../../../config/index.ts';
import { serviceEnv } from '../../configuration.ts';
import { EXIT } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { SettingValue, SetupPlan } from '../plan.ts';
import { type Identity, renderConfig } from '../render.ts';
import type { ClusterPlan } from './cluster.ts';
import { type Settings, secretForm, withTarget } from './config-text.ts';
import type { ProxmoxOptions } from './options.ts';
import type { Present } from './present.ts';
import { secretFileOf } from './secret.ts';

export interface TargetParts {
  readonly options: ProxmoxOptions;
  readonly apiUrl: string;
  readonly tokenId: string;
  readonly trust: { readonly fingerprint?: string; readonly ca_file?: string };
  readonly plan: ClusterPlan;
}

/** The settings of the target, as the configuration has them. What the operator gave with --set comes last. */
export function targetSettings(
  { options, apiUrl, tokenId, trust, plan }: TargetParts,
  present: Present | undefined,
): Settings {
  const { choices, templates } = plan;
  const [first] = templates;
  const { agent, address } = choices;
  const earlier = present?.target;
  // Without a word from the operator his list stays.
  const isListed = options.template === undefined && (options.images.length > 0 || earlier === undefined);
  return {
    api_url: apiUrl,
    api_token_id: tokenId,
    api_token_secret: formOf(options, present),
    ...trust,
    node: choices.node,
    storage: choices.storage,
    bridge: choices.bridge,
    pool: options.pool,
    ...(first === undefined ? {} : { template_vmid: first.vmid }),
    ...(isListed ? { templates: templates.map(({ name }) => name) } : {}),
    ...(address === 'dhcp' && (earlier?.address ?? 'dhcp') === 'dhcp' ? {} : { address: asSetting(address) }),
    // Installing the agent at the first boot takes a package list and a download on top of the boot.
    ...(agent === 'first-boot' && earlier === undefined ? { ip_wait_attempts: 60 } : {}),
    ...options.settings,
  };
}

/** The whole file; undefined when what is there is right. */
export function configText(
  options: ProxmoxOptions,
  settings: Settings,
  identity: Identity,
  present: Present | undefined,
): string | undefined {
  if (present === undefined) return renderConfig(setupPlanOf(options, settings), identity);
  return withTarget(present.text, options.output, options.target, settings);
}

/** As `setup token` has it, for what both do alike. */
export function setupPlanOf(options: ProxmoxOptions, settings: Settings): SetupPlan {
  const { platformUrl: endpoint, token, providerPubkey, output, keyDir, stateDir, target } = options;
  return {
    endpoint,
    output,
    replace: true,
    keyDir,
    provisioner: 'proxmox',
    target,
    settings,
    command: 'setup proxmox',
    ...(token === undefined ? {} : { token }),
    ...(providerPubkey === undefined ? {} : { providerPubkey }),
    ...(stateDir === undefined ? {} : { stateDir }),
  };
}

/** The target as the agent will read it. Throws Failure when the file would not be valid. */
export function parseTarget(text: string, { output, target }: ProxmoxOptions, io: Io): ProxmoxSettings {
  try {
    const config = parseConfig(text, output, { plugins: builtinPlugins, env: serviceEnv(io.env) });
    const found = config.targets.find(({ name }) => name === target);
    if (found !== undefined) return found.settings as ProxmoxSettings;
    throw new Failure({ what: `${output} would have no target ${target}` });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Failure({
      what: 'the configuration would not be valid',
      details: error.problems.map((problem) => formatProblem({ ...problem, line: 0 }).replace(`${output}: `, '')),
      next: 'Correct the options, --set above all. The setup token is not spent.',
      exit: EXIT.config,
    });
  }
}

/** A credential of the service stays one: systemd reads the same file. */
function formOf(options: ProxmoxOptions, present: Present | undefined): SettingValue {
  const form = present === undefined ? undefined : secretForm(present.text, options.output, options.target);
  const file = secretFileOf(options);
  const name = typeof form === 'object' && form !== null && 'credential' in form ? form.credential : undefined;
  return typeof name === 'string' && file.endsWith(`/${name}`) ? { credential: name } : { file };
}

function asSetting(address: ProxmoxSettings['address']): SettingValue {
  if (address === 'dhcp') return address;
  const { cidr, first, last, gateway, dns } = address;
  return {
    cidr,
    ...(first === undefined ? {} : { first }),
    ...(last === undefined ? {} : { last }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(dns === undefined ? {} : { dns }),
  };
}
