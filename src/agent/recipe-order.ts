import { CloudInitError, MAX_SCRIPT_BYTES, sshKeyPair, userData } from '../guest/index.ts';
import type { OrderData, RecipePlan } from '../lifecycle/index.ts';
import type { Capabilities, Provisioner } from '../provisioner/contract.ts';
import { readLoginUser } from './login-user.ts';
import { userOf } from './user-data.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What the provider's own configuration says about recipes, where neither contract nor offering does. */
export interface RecipeDefaults {
  readonly onFailure: RecipePlan['onFailure'];
  readonly limitSeconds: number;
  /** For targets that can run a script. */
  readonly script?: string;
  /** For targets that take cloud-init documents. */
  readonly cloudInit?: string;
}

/** The platform's own limit for scripts that it runs itself. */
export const RECIPE_DEFAULTS: RecipeDefaults = { onFailure: 'fail', limitSeconds: 300 };
/** Well below the hour after which the platform gives a contract up. */
export const MAX_LIMIT_SECONDS = 2400;

/** What contract and offering say about recipes. */
export interface RecipeWishes {
  readonly script?: string;
  readonly cloudInit?: string;
  readonly onFailure?: RecipePlan['onFailure'];
  readonly limitSeconds?: number;
}

/**
 * Takes what is said about recipes out of the settings: what is left is for the plugin. The contract goes before the offering, as a
 * whole where it names a recipe. `refused` says what the provider has to mend.
 */
export function readRecipe(
  contract: Settings,
  offering: Settings,
  column: string | undefined,
): { readonly settings: Settings; readonly wishes: RecipeWishes } | { readonly refused: string } {
  const own = readLevel(contract, undefined, "the contract's instance_config");
  const sold = readLevel(offering, column, "the offering's provisioner_config");
  if ('refused' in own) return own;
  if ('refused' in sold) return sold;
  const { script: _script, cloudInit: _cloudInit, ...terms } = sold.wishes;
  const decides = own.wishes.script !== undefined || own.wishes.cloudInit !== undefined;
  return {
    settings: { ...sold.settings, ...own.settings },
    wishes: { ...(decides ? terms : sold.wishes), ...own.wishes },
  };
}

type Level = { readonly settings: Settings; readonly wishes: RecipeWishes } | { readonly refused: string };

function readLevel(all: Settings, column: string | undefined, where: string): Level {
  const { post_provision_script, cloud_init_config, recipe_on_failure, recipe_timeout_seconds, ...settings } = all;
  const refused = (key: string, expected: string): Level => ({ refused: `${where}: ${key} is not ${expected}` });
  const script = post_provision_script ?? column;
  const cloudInit = documentText(cloud_init_config);
  if (script !== undefined && typeof script !== 'string') return refused('post_provision_script', 'a text');
  if (cloudInit === 'invalid') return refused('cloud_init_config', 'a text or an object');
  if (recipe_on_failure !== undefined && recipe_on_failure !== 'fail' && recipe_on_failure !== 'deliver')
    return refused('recipe_on_failure', '"fail" or "deliver"');
  if (recipe_timeout_seconds !== undefined && !isLimit(recipe_timeout_seconds))
    return refused('recipe_timeout_seconds', `a whole number from 1 to ${MAX_LIMIT_SECONDS}`);
  const hasScript = script !== undefined && script.trim() !== '';
  if (hasScript && cloudInit !== undefined)
    return { refused: `${where} gives both a post_provision_script and a cloud_init_config; only one is possible` };
  return {
    settings,
    wishes: {
      ...(hasScript ? { script } : {}),
      ...(cloudInit === undefined ? {} : { cloudInit: cloudInit.text }),
      ...(recipe_on_failure === undefined ? {} : { onFailure: recipe_on_failure }),
      ...(recipe_timeout_seconds === undefined ? {} : { limitSeconds: recipe_timeout_seconds }),
    },
  };
}

function isLimit(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_LIMIT_SECONDS;
}

/** A document may stand in the offering's JSON as what it means, too: YAML has every JSON in it. */
function documentText(value: unknown): { readonly text: string } | 'invalid' | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return { text: value };
  if (typeof value !== 'object' || Array.isArray(value)) return 'invalid';
  return { text: `#cloud-config\n${JSON.stringify(value)}\n` };
}

/**
 * The order with its login user, its recipe and how that will be run on this target. `refused`: this target cannot, and leaves the contract alone.
 * What no target could use becomes the order's `problem`, before any machine exists.
 */
export function planRecipe(
  taken: OrderData,
  wishes: RecipeWishes,
  target: { readonly name: string; readonly provisioner: Pick<Provisioner, 'capabilities' | 'runScript'> },
  defaults: RecipeDefaults,
): { readonly order: OrderData } | { readonly refused: string } {
  if (taken.problem !== undefined) return { order: taken };
  const login = readLoginUser(taken, target.provisioner.capabilities);
  if ('refused' in login) return login;
  const { order } = login;
  const unknown = unknownSetting(order, target.provisioner.capabilities);
  if (unknown !== undefined) return { refused: `target ${target.name} knows no setting ${unknown}` };
  const { capabilities } = target.provisioner;
  const ways = { script: wayFor('script', target.provisioner), cloudInit: wayFor('cloudInit', target.provisioner) };
  const asked = wishes.script !== undefined || wishes.cloudInit !== undefined;
  const script = asked || ways.script === undefined ? wishes.script : defaults.script;
  const ownDocument = ways.cloudInit !== undefined && script === undefined ? defaults.cloudInit : undefined;
  const cloudInit = asked ? wishes.cloudInit : ownDocument;
  if (script !== undefined && Buffer.byteLength(script) > MAX_SCRIPT_BYTES)
    return { order: { ...order, problem: TOO_LARGE } };
  if (script !== undefined && ways.script === undefined)
    return { refused: `the offering has a post-provision script, and target ${target.name} cannot run one` };
  if (cloudInit !== undefined && ways.cloudInit === undefined)
    return { refused: `the offering has a cloud-init document, and target ${target.name} takes none` };
  const by = script !== undefined ? ways.script : cloudInit !== undefined ? ways.cloudInit : undefined;
  const problem = documentProblem(order, cloudInit, by, capabilities);
  if (problem !== undefined) return { order: { ...order, problem } };
  const { onFailure = defaults.onFailure, limitSeconds = defaults.limitSeconds } = wishes;
  return {
    order: {
      ...order,
      ...(script === undefined ? {} : { postProvisionScript: script }),
      ...(cloudInit === undefined ? {} : { cloudInit }),
      ...(by === undefined ? {} : { recipe: { by, onFailure, limitSeconds } }),
    },
  };
}

/** The platform writes it into an offering by itself, whatever its backend, when the template's name is a number. */
const PLATFORMS_OWN = 'template_vmid';

/** A word that nobody reads is a mistake, and what was meant by it would not be what is sold. */
function unknownSetting(order: OrderData, { settings }: Capabilities): string | undefined {
  if (settings === undefined) return undefined;
  const unknown = Object.keys(order.settings).find((key) => !settings.includes(key) && key !== PLATFORMS_OWN);
  return unknown === undefined ? undefined : JSON.stringify(unknown.slice(0, 64));
}

/** Where the backend can do the work itself, no key of ours is put into a machine. */
function wayFor(
  what: 'script' | 'cloudInit',
  { capabilities, runScript }: Pick<Provisioner, 'capabilities' | 'runScript'>,
): RecipePlan['by'] | undefined {
  if (what === 'cloudInit' && capabilities.userData === undefined) return undefined;
  if (runScript !== undefined) return 'backend';
  if (what === 'script' && capabilities.recipes === true) return 'create';
  return capabilities.userData === undefined ? undefined : 'ssh';
}

/** Any keys do: the real ones are exactly as long. */
const SAMPLE = sshKeyPair(new Uint8Array(32));

function documentProblem(
  order: OrderData,
  cloudInit: string | undefined,
  by: RecipePlan['by'] | undefined,
  capabilities: Capabilities,
): string | undefined {
  if (capabilities.userData === undefined) return undefined;
  try {
    const agentKey = by === 'ssh' ? { agentKey: { publicKey: SAMPLE.publicKey, until: 0 } } : {};
    const text = userData(
      { sshKeys: [order.sshKey], hostKey: SAMPLE, ...agentKey, ...userOf(capabilities, order) },
      cloudInit,
    );
    const bytes = Buffer.byteLength(text);
    if (bytes <= capabilities.userData.maxBytes) return undefined;
    return `The offering's cloud-init document is too large: ${bytes} bytes with what the agent adds, ${capabilities.userData.maxBytes} are possible.`;
  } catch (error) {
    if (error instanceof CloudInitError) return error.message;
    throw error;
  }
}

const TOO_LARGE = "The offering's post-provision script is larger than 64 KiB.";
