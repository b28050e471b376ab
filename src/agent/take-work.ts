import { cleanSshKey } from '../guest/index.ts';
import type { OrderData } from '../lifecycle/index.ts';
import type { PendingItem } from '../platform/api.ts';
import { type RecipeWishes, readRecipe } from './recipe-order.ts';
import type { Target } from './target.ts';
import { readWeb } from './web-order.ts';

/**
 * Words for the platform's own resale of servers: making one here too would make it twice. An offering of ours names a target by
 * another name.
 */
const RESOLD: ReadonlySet<string | undefined> = new Set(['hetzner', 'vultr']);

/**
 * The target that serves an entry of the work list: the one that the offering's own settings name (`target`), else by the
 * provisioner type, which may be a target's name too, else, when the offering says nothing, the default. Undefined: it is somebody
 * else's, and is left alone.
 */
export function targetFor(item: PendingItem, targets: readonly Target[]): Target | undefined {
  const wanted = item.provisionerType;
  if (RESOLD.has(wanted)) return undefined;
  // Only the provider's settings: a tenant does not choose where a machine is made.
  const named = parseSettings(item.provisionerConfig)?.['target'];
  if (named !== undefined) return targets.find((target) => target.name === named);
  if (wanted === undefined || wanted === '') return targets[0];
  return targets.find((target) => target.name === wanted) ?? targets.find((target) => target.type === wanted);
}

/** The order in our own words. What the tenant got wrong becomes `problem`; what the provider got wrong is refused here. */
export function readOrder(item: PendingItem): { order: OrderData; wishes: RecipeWishes } | { refused: string } {
  const offering = parseSettings(item.provisionerConfig);
  const contract = parseSettings(item.instanceConfig);
  if (offering === undefined) return { refused: "the offering's provisioner_config is not a JSON object" };
  if (contract === undefined) return { refused: "the contract's instance_config is not a JSON object" };
  const { target: _chosen, tenant_pubkey: soldKey, ...offered } = offering;
  const { tenant_pubkey: ownKey, ...wished } = contract;
  const tenantKey = ownKey ?? soldKey;
  if (tenantKey !== undefined && !isPublicKey(tenantKey))
    return { refused: 'tenant_pubkey is not an Ed25519 public key of 64 hex digits' };
  const key = cleanSshKey(item.sshKey);
  const web = readWeb(wished, offered);
  if ('refused' in web) return web;
  const recipe = readRecipe(web.contract, web.offering, item.postProvisionScript);
  if ('refused' in recipe) return recipe;
  const problem = key.ok ? undefined : `The SSH key cannot be used: ${key.problem}`;
  return {
    wishes: recipe.wishes,
    order: {
      offering: item.offering,
      sshKey: key.ok ? key.key : '',
      settings: recipe.settings,
      ...(web.web === undefined ? {} : { web: web.web }),
      ...(tenantKey === undefined ? {} : { tenantKey: tenantKey.toLowerCase() }),
      ...(item.cpuCores === undefined ? {} : { cpuCores: item.cpuCores }),
      ...(item.memoryMb === undefined ? {} : { memoryMb: item.memoryMb }),
      ...(item.storageGb === undefined ? {} : { storageGb: item.storageGb }),
      ...(problem === undefined ? {} : { problem }),
    },
  };
}

function isPublicKey(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value);
}

function parseSettings(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
