import { ProvisionerError } from '../../../src/provisioner/index.ts';
import type { ProxmoxSettings } from '../schema.ts';
import type { VmConfig } from '../wire.ts';
import type { Choices } from './decide.ts';
import { aclOf, grantsFor } from './grants.ts';
import type { Image, PinnedImage } from './images.ts';
import { objections } from './objections.ts';
import { findReusable, type Reusable, templateName } from './reuse.ts';
import {
  allowContent,
  changeRole,
  giveRight,
  makePool,
  makeRole,
  makeToken,
  makeUser,
  putIntoPool,
} from './steps-access.ts';
import { buildTemplate, SNIPPET_FILE, writeSnippet } from './steps-template.ts';
import type { ClusterSurvey, Details } from './survey.ts';
import type { Step } from './work.ts';

export interface SetupOrder {
  /** Names this setup in what it makes, for ever. */
  readonly setup: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly cluster: ClusterSurvey;
  readonly details: Details;
  readonly choices: Choices;
  readonly names: { readonly pool: string; readonly role: string; readonly user: string; readonly token: string };
  /** The operator's own template. */
  readonly template?: number;
  readonly images: readonly Image[];
  /** Whether the agent has a token whose secret it knows, and that works. */
  readonly token: 'works' | 'needed';
  /** Of the target, as far as they are known before; only what rights and addresses depend on is read. */
  readonly settings: ProxmoxSettings;
  readonly pin: (image: Image) => Promise<PinnedImage>;
}

export interface SetupPlan {
  readonly steps: readonly Step[];
  /** The first is the default. */
  readonly templates: readonly Reusable[];
}

/**
 * What is to be done, in an order in which nothing is given to the agent before everything else is there. What is as it should be takes
 * no step, so of a finished setup the plan is empty. Only the checksums of images that are to be built are looked up; nothing is changed.
 *
 * Errors: `config` with everything that stands against it.
 */
export async function planSetup(order: SetupOrder): Promise<SetupPlan> {
  const against = objections(order);
  if (against.length > 0) throw new ProvisionerError('config', against.join('; '));
  const templates = await planTemplates(order);
  const access = planAccess(order);
  return {
    steps: [...access.pool, ...templates.steps, ...access.steps],
    templates: templates.all,
  };
}

async function planTemplates(order: SetupOrder): Promise<{ steps: Step[]; all: Reusable[] }> {
  const { template, details, images, choices, names, cluster } = order;
  if (template !== undefined) {
    const found = details.templates.find(({ row }) => row.vmid === template);
    const name = found?.config['name'] ?? String(template);
    const inPool = found?.row.pool === names.pool;
    return { steps: inPool ? [] : [putIntoPool(names.pool, template)], all: [{ vmid: template, name }] };
  }
  const free = [...details.freeVmids];
  const all: Reusable[] = [];
  const steps: Step[] = [];
  for (const image of images) {
    const present = findReusable(details, image, choices, names.pool);
    if (present !== undefined) {
      all.push(present);
      continue;
    }
    const vmid = free.shift();
    if (vmid === undefined) throw new Error('fewer VMIDs were looked for than there are images');
    const name = templateName(image, choices.node, cluster.guests, details);
    steps.push(...buildTemplate(templateOrder(order, await order.pin(image), { vmid, name })));
    all.push({ vmid, name });
  }
  return { steps: steps.length === 0 ? [] : [...preparations(order), ...steps], all };
}

function templateOrder({ setup, now, choices, names }: SetupOrder, image: PinnedImage, { vmid, name }: Reusable) {
  const { node, bridge, storage, agent, snippetStorage, imageStorage = storage } = choices;
  return {
    setup,
    image,
    name,
    vmid,
    node,
    pool: names.pool,
    bridge,
    storage,
    imageStorage,
    agent,
    since: now,
    ...(snippetStorage === undefined ? {} : { snippet: snippetOf(snippetStorage) }),
  };
}

/** What storages must be allowed to hold, and the snippet. */
function preparations({ details, choices }: SetupOrder): Step[] {
  const { imageStorage, snippetStorage } = details;
  const wanted = [
    ...(imageStorage === undefined ? [] : [{ definition: imageStorage, content: 'import' }]),
    ...(snippetStorage === undefined ? [] : [{ definition: snippetStorage, content: 'snippets' }]),
  ].filter(({ definition, content }) => !definition.content.has(content));
  const storages = [...new Set(wanted.map(({ definition }) => definition))];
  const steps = storages.map((definition) => {
    const added = wanted.filter((one) => one.definition === definition).map(({ content }) => content);
    return allowContent(definition, added);
  });
  if (choices.snippetStorage === undefined) return steps;
  return [...steps, writeSnippet(snippetOf(choices.snippetStorage))];
}

function snippetOf(storage: string): string {
  return `${storage}:snippets/${SNIPPET_FILE}`;
}

function planAccess(order: SetupOrder): { pool: Step[]; steps: Step[] } {
  const { cluster, details, names, settings, token } = order;
  const { pool, role, user } = names;
  const grants = grantsFor(settings, cluster.version.major, ownTemplate(order));
  const present = cluster.roles.find(({ id }) => id === role);
  const given = new Set(cluster.acl.filter(({ propagate }) => propagate).map((e) => `${e.path} ${e.roleid} ${e.ugid}`));
  const replaced = token === 'needed';
  const rights = aclOf(grants, role, user, names.token).filter(({ path, to }) => {
    // A token that is replaced loses its rights with it.
    if ('token' in to && replaced) return true;
    return !given.has(`${path} ${role} ${'user' in to ? to.user : to.token}`);
  });
  const hasToken = details.tokens.some(({ tokenid }) => tokenid === names.token);
  return {
    pool: cluster.pools.some(({ poolid }) => poolid === pool) ? [] : [makePool(pool)],
    steps: [
      ...(present === undefined
        ? [makeRole(role, grants.privileges)]
        : sameSet(present.privileges, grants.privileges)
          ? []
          : [changeRole(role, [...present.privileges], grants.privileges)]),
      ...(cluster.users.some(({ userid }) => userid === user) ? [] : [makeUser(user)]),
      ...(replaced ? [makeToken(user, names.token, hasToken ? 'present' : 'absent')] : []),
      ...rights.map(giveRight),
    ],
  };
}

function sameSet(a: ReadonlySet<string>, b: readonly string[]): boolean {
  return a.size === b.length && b.every((one) => a.has(one));
}

function ownTemplate({ template, details }: SetupOrder): VmConfig | undefined {
  return template === undefined ? undefined : details.templates.find(({ row }) => row.vmid === template)?.config;
}
