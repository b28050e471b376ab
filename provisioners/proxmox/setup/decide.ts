import { ProvisionerError } from '../../../src/provisioner/index.ts';
import type { ProxmoxSettings, StaticPool } from '../schema.ts';
import { bridgesToChoose, canImport, diskStorages, fileStorages } from './choose.ts';
import type { Image } from './images.ts';
import type { GuestAgent } from './steps-template.ts';
import type { ClusterSurvey, NodeSurvey } from './survey.ts';

/** What the operator said; what he left open is chosen. */
export interface Wishes {
  readonly storage?: string;
  readonly bridge?: string;
  readonly imageStorage?: string;
  /** A template of his own, instead of images. */
  readonly template?: number;
  readonly images: readonly Image[];
  readonly agent: GuestAgent;
  readonly address: 'dhcp' | StaticPool;
}

export interface Choices {
  readonly node: string;
  readonly storage: string;
  readonly bridge: string;
  /** Where images are downloaded to, when some are. */
  readonly imageStorage?: string;
  readonly snippetStorage?: string;
  readonly agent: GuestAgent;
  readonly address: ProxmoxSettings['address'];
}

/** Chooses what was left open. Pure. Errors: `config` for what is not there, with what there is instead. */
export function decide({ version }: ClusterSurvey, here: NodeSurvey, wishes: Wishes): Choices {
  const { node, storages, bridges } = here;
  const disks = diskStorages(storages).map(({ storage }) => storage);
  const choices: Choices = {
    node,
    storage: pick('storage for disks', node, disks, wishes.storage),
    bridge: pick('bridge', node, bridgesToChoose(bridges), wishes.bridge),
    agent: wishes.agent,
    address: wishes.address,
  };
  if (wishes.template !== undefined) return choices;
  if (!canImport(version)) throw tooOld(version.text);
  if (wishes.agent === 'none' && wishes.address === 'dhcp') {
    throw new ProvisionerError(
      'config',
      'Machines without a guest agent cannot tell the address that DHCP gave them. Give a range with --addresses, or an image or template that has the agent',
    );
  }
  const files = (content: 'import' | 'snippets') => fileStorages(storages, content).map(({ storage }) => storage);
  return {
    ...choices,
    imageStorage: pick('storage of files for images', node, files('import'), wishes.imageStorage),
    ...(wishes.agent === 'first-boot'
      ? { snippetStorage: pick('storage of files for snippets', node, files('snippets'), undefined) }
      : {}),
  };
}

function pick(what: string, node: string, there: readonly string[], wanted: string | undefined): string {
  const [best] = there;
  if (best === undefined) throw new ProvisionerError('config', `Node '${node}' has no ${what} that is active`);
  if (wanted === undefined || there.includes(wanted)) return wanted ?? best;
  throw new ProvisionerError(
    'config',
    `Node '${node}' has no ${what} called '${wanted}'; there is: ${there.join(', ')}`,
  );
}

function tooOld(version: string): ProvisionerError {
  return new ProvisionerError(
    'config',
    `Proxmox VE ${version} cannot import images by its API, which came with 8.4. Upgrade, or make a template by hand (docs/proxmox.md says how) and name it with --template`,
  );
}
