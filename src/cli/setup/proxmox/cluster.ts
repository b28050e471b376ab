import {
  adminLacks,
  type Choices,
  type Connection,
  decide,
  grantsFor,
  IMAGES,
  nodesToChoose,
  type ProxmoxSettings,
  pinImage,
  planSetup,
  type SetupPlan,
  surveyCluster,
  surveyDetails,
  surveyNode,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { Failure } from '../../failure.ts';
import type { Asker } from '../ask.ts';
import { draftSettings } from './draft.ts';
import { type ProxmoxOptions, usage } from './options.ts';

export interface ClusterPlan extends SetupPlan {
  readonly choices: Choices;
  /** Shown to the operator before anything is done. */
  readonly privileges: readonly string[];
  readonly version: string;
}

export interface PlanWishes {
  readonly options: ProxmoxOptions;
  readonly place: 'the host' | 'elsewhere';
  /** This host's name. */
  readonly host: string;
  readonly apiUrl: string;
  readonly setup: string;
  readonly token: string;
  readonly tokenState: 'works' | 'needed';
  /** What an earlier setup, or the operator, has in the configuration: kept where no option says otherwise. */
  readonly earlier: ProxmoxSettings | undefined;
}

/** Looks around, chooses, and plans. Changes nothing. Throws Failure or ProvisionerError with what stands against it. */
export async function planCluster(
  { pve }: Connection,
  wishes: PlanWishes,
  ask: Asker | undefined,
  signal: AbortSignal,
): Promise<ClusterPlan> {
  const { options, place, earlier } = wishes;
  const cluster = await surveyCluster(pve, signal);
  const template = options.template ?? (options.images.length === 0 ? earlier?.template_vmid : undefined);
  const lacks = adminLacks(await pve.access.permissions(signal), {
    buildsTemplates: template === undefined,
    roles: cluster.roles,
  });
  if (lacks.length > 0) throw lacking(lacks);
  const node = await chooseNode(nodesToChoose(cluster.nodes), wishes, ask);
  const agent = options.agent ?? (place === 'the host' ? 'first-boot' : 'none');
  const [standard] = IMAGES;
  const images = options.images.length > 0 ? options.images : standard === undefined ? [] : [standard];
  const address = await chooseAddress(wishes, template !== undefined || agent !== 'none', ask);
  const storage = options.storage ?? earlier?.storage;
  const bridge = options.bridge ?? earlier?.bridge;
  const choices = decide(cluster, await surveyNode(pve, node, signal), {
    images,
    agent,
    address,
    ...(storage === undefined ? {} : { storage }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(options.imageStorage === undefined ? {} : { imageStorage: options.imageStorage }),
    ...(template === undefined ? {} : { template }),
  });
  const { imageStorage, snippetStorage } = choices;
  const { pool, role, user } = options;
  const details = await surveyDetails(
    pve,
    cluster,
    {
      user,
      newTemplates: template === undefined ? images.length : 0,
      ...(template === undefined ? {} : { template }),
      ...(imageStorage === undefined ? {} : { imageStorage }),
      ...(snippetStorage === undefined ? {} : { snippetStorage }),
    },
    signal,
  );
  const settings = draftSettings({
    api_url: wishes.apiUrl,
    api_token_id: `${user}!${wishes.token}`,
    node,
    pool,
    storage: choices.storage,
    bridge: choices.bridge,
    address,
  });
  const plan = await planSetup({
    setup: wishes.setup,
    now: systemClock.now(),
    cluster,
    details,
    choices,
    names: { pool, role, user, token: wishes.token },
    images,
    token: wishes.tokenState,
    settings,
    pin: (image) => pinImage(image, signal),
    ...(template === undefined ? {} : { template }),
  });
  const { privileges } = grantsFor(settings, cluster.version.major);
  return { ...plan, choices, privileges, version: cluster.version.text };
}

async function chooseNode(
  nodes: readonly string[],
  { options, place, host, earlier }: PlanWishes,
  ask: Asker | undefined,
): Promise<string> {
  const here = place === 'the host' && nodes.includes(host) ? host : undefined;
  const wanted = options.node ?? earlier?.node ?? here ?? (nodes.length === 1 ? nodes[0] : undefined);
  const list = nodes.join(', ');
  if (wanted === undefined && ask === undefined) throw usage(`--node is missing; there is: ${list}`);
  const chosen = wanted ?? (await ask?.text(`Node to make machines on (${list})`, nodes[0]));
  if (chosen !== undefined && nodes.includes(chosen)) return chosen;
  throw new Failure({ what: `there is no node ${chosen ?? ''} that is online`, details: [`There is: ${list}`] });
}

/** Without a guest agent nobody knows the address that DHCP gave, so a range has to be given away instead. */
async function chooseAddress(
  { options, earlier }: PlanWishes,
  dhcpWorks: boolean,
  ask: Asker | undefined,
): Promise<ProxmoxSettings['address']> {
  const read = (address: unknown) =>
    draftSettings({ api_url: 'https://127.0.0.1', api_token_id: 'a@pve!aa', node: 'pve', address }).address;
  if (options.address !== undefined) return checked(options.address, read);
  if (earlier !== undefined) return earlier.address;
  if (dhcpWorks) return 'dhcp';
  if (ask === undefined) {
    throw usage('--addresses is missing', [
      'Cloud images come without the guest agent, which alone could tell the address that DHCP gave.',
      'Give a network that is this agent’s alone (--addresses 203.0.113.0/28), an image that has the agent',
      '(--image-url with --guest-agent image), a template (--template), or run this on the Proxmox host itself.',
    ]);
  }
  const cidr = await ask.text('Network of the machines’ addresses, this agent’s alone, such as 203.0.113.0/28');
  return checked({ cidr }, read);
}

function checked(address: unknown, read: (address: unknown) => ProxmoxSettings['address']): ProxmoxSettings['address'] {
  try {
    return read(address);
  } catch (cause) {
    throw new Failure({ what: '--addresses takes dhcp or an IPv4 network with addresses that belong to it', cause });
  }
}

function lacking(lacks: readonly string[]): Failure {
  return new Failure({
    what: 'this login may not set a cluster up',
    details: [`It lacks: ${lacks.join(', ')}`],
    next: 'Log in as root@pam, or with a token that has no privilege separation. Nothing was changed.',
  });
}
