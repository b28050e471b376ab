import { type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { listAll } from './pages.ts';
import { hasAddress, isOffered } from './placement.ts';
import type { Target } from './target.ts';
import { application, firewallAnswer, type Plan, system } from './wire.ts';

/** Whether what the settings name can be ordered today, and what it costs. */
export async function checkCatalogue(target: Target, asking: Asking): Promise<Finding[]> {
  const { settings, catalogue } = target;
  const [plans, available] = await Promise.all([
    catalogue.plans(asking),
    Promise.all(settings.regions.map(async (id) => [id, await catalogue.available(id, asking)] as const)),
  ]);
  const inStock = new Map(available);
  const isAvailable = (plan: string, region: string): boolean => inStock.get(region)?.has(plan) === true;
  const findings = [
    ...settings.plans.map((id) => planFinding(id, plans, target.settings, isAvailable)),
    ...(await Promise.all([settings.image, ...settings.images].map((image) => imageFinding(target, image, asking)))),
    await firewallFinding(target, asking),
    HALTED,
  ];
  return findings.filter((finding) => finding !== undefined);
}

/** What a paused contract costs is nobody's guess. */
const HALTED: Finding = {
  level: 'pass',
  code: 'vultr.halt.billed',
  title: 'A paused machine is halted and still costs its full price, until its contract ends',
};

function planFinding(
  id: string,
  plans: readonly Plan[],
  settings: Target['settings'],
  isAvailable: (plan: string, region: string) => boolean,
): Finding {
  const plan = plans.find((each) => each.id === id);
  if (plan === undefined) {
    return {
      level: 'fail',
      code: 'vultr.plan.unknown',
      title: `Vultr has no plan ${id} any more`,
      remedy: 'Choose another one; https://www.vultr.com/pricing shows what there is.',
    };
  }
  if (!hasAddress(plan, settings)) {
    return {
      level: 'fail',
      code: 'vultr.plan.no-ipv4',
      title: `Plan ${id} has no IPv4 address to give`,
      remedy: 'Choose another plan, or set ipv4 = "none".',
    };
  }
  const there = settings.regions.filter((region) => isOffered(plan, region, { isAvailable }));
  if (there.length === 0) {
    return {
      level: 'warn',
      code: 'vultr.plan.sold-out',
      title: `Plan ${id} cannot be ordered in ${settings.regions.join(', ')} now`,
      remedy: 'Add another plan or region, or wait.',
    };
  }
  const cost = typeof plan.monthly_cost === 'number' ? `${plan.monthly_cost.toFixed(2)} USD` : 'an unknown price';
  const { vcpu_count, ram, disk } = plan;
  return {
    level: 'pass',
    code: 'vultr.plan.ok',
    title: `Plan ${id} (${vcpu_count} cores, ${ram} MB, ${disk} GB disk) can be ordered in ${there.join(', ')}: ${cost} a month`,
  };
}

async function imageFinding(target: Target, image: string, asking: Asking): Promise<Finding> {
  const [kind, id = ''] = image.split(':');
  if (kind === 'snapshot') return snapshotFinding(target, image, asking);
  if (kind === 'image') {
    const collection = { path: '/applications', key: 'applications', entry: application };
    const found = (await listAll(target.client, collection, asking)).entries.find(({ image_id }) => image_id === id);
    return found === undefined ? missing(image) : there(`${image} (${found.name})`);
  }
  const found = (await listAll(target.client, { path: '/os', key: 'os', entry: system }, asking)).entries.find(
    (each) => each.id === Number(id),
  );
  if (found === undefined) return missing(image);
  if (!['windows', 'iso', 'snapshot', 'backup', 'application'].includes(found.family ?? '')) {
    return there(`${image} (${found.name})`);
  }
  return {
    level: 'fail',
    code: 'vultr.image.unfit',
    title: `Image ${image} (${found.name}) does not let a tenant in by SSH key`,
    remedy: 'Choose a Linux or BSD that runs cloud-init.',
  };
}

async function snapshotFinding({ catalogue }: Target, image: string, asking: Asking): Promise<Finding> {
  try {
    const needed = await catalogue.imageGb(image, asking);
    return there(`${image}, which needs ${needed} GB of disk,`);
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'config') throw error;
    return { ...missing(image), title: error.message };
  }
}

function there(what: string): Finding {
  return { level: 'pass', code: 'vultr.image.ok', title: `Image ${what} is there` };
}

function missing(image: string): Finding {
  return {
    level: 'fail',
    code: 'vultr.image.missing',
    title: `There is no image ${image}`,
    remedy: 'Choose an operating system or a marketplace image by its id, or a snapshot of this account.',
  };
}

async function firewallFinding({ settings, client }: Target, { lane, signal }: Asking): Promise<Finding | undefined> {
  const { firewall_group: id } = settings;
  if (id === undefined) return undefined;
  const answer = await client.call({
    doing: `show firewall group ${id}`,
    method: 'GET',
    path: `/firewalls/${id}`,
    lane,
    signal,
    answer: firewallAnswer,
    expects: ({ status }) => status === 404 || status === 403,
  });
  if (answer.ok) return { level: 'pass', code: 'vultr.firewall.ok', title: `Firewall group ${id} is there` };
  if (answer.refusal.status === 403) {
    return { level: 'skip', code: 'vultr.firewall.unseen', title: 'The API key may not see firewall groups' };
  }
  return {
    level: 'fail',
    code: 'vultr.firewall.missing',
    title: `The account has no firewall group ${id}`,
    remedy: 'Make one in the Vultr console, or correct firewall_group.',
  };
}
