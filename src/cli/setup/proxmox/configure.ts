import type { ProxmoxSettings } from '../../../../provisioners/proxmox/setup/index.ts';
import { type Settings, settingForm } from '../config-text.ts';
import type { SettingValue } from '../plan.ts';
import type { Present } from '../present.ts';
import type { ClusterPlan } from './cluster.ts';
import { type ProxmoxOptions, placeOf } from './options.ts';
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
  present: Present<ProxmoxSettings> | undefined,
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

/** A credential of the service stays one: systemd reads the same file. */
function formOf(options: ProxmoxOptions, present: Present<ProxmoxSettings> | undefined): SettingValue {
  const form =
    present === undefined ? undefined : settingForm(present.text, options.output, placeOf(options), 'api_token_secret');
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
