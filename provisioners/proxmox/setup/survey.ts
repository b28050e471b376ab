import { ProvisionerError } from '../../../src/provisioner/index.ts';
import type { Pve } from '../api.ts';
import { hasTag } from '../tags.ts';
import type { PveBridge, PveNode, PveVersion, PveVmRow, VmConfig } from '../wire.ts';
import type { PveAclEntry, PveRole, PveToken, PveUser } from '../wire-access.ts';
import type { PveNodeStorage, PveStorageDefinition } from '../wire-storage.ts';
import { FIRST_TEMPLATE_VMID, TEMPLATE_TAG } from './names.ts';

/** What an administrator sees of a cluster, read once before anything is decided. */
export interface ClusterSurvey {
  readonly version: PveVersion;
  readonly nodes: readonly PveNode[];
  readonly roles: readonly PveRole[];
  readonly users: readonly PveUser[];
  readonly acl: readonly PveAclEntry[];
  readonly pools: readonly { readonly poolid: string; readonly comment?: string | undefined }[];
  readonly guests: readonly PveVmRow[];
}

/** What one node has. */
export interface NodeSurvey {
  readonly node: string;
  readonly storages: readonly PveNodeStorage[];
  readonly bridges: readonly PveBridge[];
}

/** What depends on the choices that were made by then. */
export interface Details {
  /** Of the agent's user; empty when there is no such user. */
  readonly tokens: readonly PveToken[];
  /** Templates of ours on all nodes, and the operator's own where one was named. */
  readonly templates: readonly { readonly row: PveVmRow; readonly config: VmConfig }[];
  /** VMIDs for templates. Nothing reserves them. */
  readonly freeVmids: readonly number[];
  readonly imageStorage?: PveStorageDefinition;
  readonly snippetStorage?: PveStorageDefinition;
}

export async function surveyCluster(pve: Pve, signal: AbortSignal): Promise<ClusterSurvey> {
  const [version, nodes, roles, users, acl, pools, { rows }] = await Promise.all([
    pve.cluster.version(signal),
    pve.cluster.nodes(signal),
    pve.access.roles(signal),
    pve.access.users(signal),
    pve.access.acl(signal),
    pve.pools.list(signal),
    pve.cluster.vms(signal),
  ]);
  return { version, nodes, roles, users, acl, pools, guests: rows };
}

export async function surveyNode(pve: Pve, node: string, signal: AbortSignal): Promise<NodeSurvey> {
  const [storages, bridges] = await Promise.all([pve.storage.onNode(node, signal), pve.nodes.bridges(node, signal)]);
  return { node, storages, bridges };
}

export interface DetailsWanted {
  readonly user: string;
  /** The operator's own template. */
  readonly template?: number;
  readonly newTemplates: number;
  readonly imageStorage?: string;
  readonly snippetStorage?: string;
}

export async function surveyDetails(
  pve: Pve,
  { users, guests }: ClusterSurvey,
  wanted: DetailsWanted,
  signal: AbortSignal,
): Promise<Details> {
  const { user, template, imageStorage, snippetStorage } = wanted;
  // The list of guests lags: a fresh template may not be marked as one yet, so its tag is enough for a look.
  const rows = guests.filter((row) => row.vmid === template || (row.type === 'qemu' && hasTag(row.tags, TEMPLATE_TAG)));
  const [tokens, templates, freeVmids] = await Promise.all([
    users.some(({ userid }) => userid === user) ? pve.access.tokens(user, signal) : [],
    Promise.all(rows.map(async (row) => ({ row, config: await pve.vms.config(row, 'pending', signal) }))),
    findFree(pve, guests, wanted.newTemplates, signal),
  ]);
  const definition = (storage: string | undefined) =>
    storage === undefined ? undefined : pve.storage.definition(storage, signal);
  const images = await definition(imageStorage);
  const snippets = snippetStorage === imageStorage ? images : await definition(snippetStorage);
  return {
    tokens,
    templates,
    freeVmids,
    ...(images === undefined ? {} : { imageStorage: images }),
    ...(snippets === undefined ? {} : { snippetStorage: snippets }),
  };
}

/** Asks besides whether an id is free: the list may not show guests that are being made. */
async function findFree(pve: Pve, guests: readonly PveVmRow[], count: number, signal: AbortSignal): Promise<number[]> {
  const taken = new Set(guests.map(({ vmid }) => vmid));
  const free: number[] = [];
  for (let vmid = FIRST_TEMPLATE_VMID; free.length < count; vmid++) {
    if (vmid > FIRST_TEMPLATE_VMID + 10_000) {
      throw new ProvisionerError('config', `No VMID from ${FIRST_TEMPLATE_VMID} on is free for a template`);
    }
    if (!taken.has(vmid) && (await pve.cluster.isIdFree(vmid, signal))) free.push(vmid);
  }
  return free;
}
