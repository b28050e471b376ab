import { describe, expect, it } from 'vitest';
import { SSH_KEY } from '../../test/simulation/world.ts';
import type { OrderData } from '../lifecycle/index.ts';
import type { Capabilities, Provisioner } from '../provisioner/contract.ts';
import { planRecipe, RECIPE_DEFAULTS, type RecipeWishes, readRecipe } from './recipe-order.ts';

const ORDER: OrderData = { offering: 'small', sshKey: SSH_KEY, settings: {} };
const SCRIPT = '#!/bin/sh\necho hello\n';
const DOCUMENT = '#cloud-config\npackages: [nginx]\n';

describe('what is said about recipes', () => {
  it('is taken out of the settings, and the rest is the plugin’s', () => {
    const offering = { image: 'debian', cloud_init_config: DOCUMENT, recipe_on_failure: 'deliver' };
    expect(readRecipe({ recipe_timeout_seconds: 60 }, offering, undefined)).toEqual({
      settings: { image: 'debian' },
      wishes: { cloudInit: DOCUMENT, onFailure: 'deliver', limitSeconds: 60 },
    });
  });

  it('is the contract’s before the offering’s, and one recipe replaces the other whole', () => {
    expect(readRecipe({ cloud_init_config: DOCUMENT }, { recipe_on_failure: 'deliver' }, SCRIPT)).toEqual({
      settings: {},
      wishes: { cloudInit: DOCUMENT, onFailure: 'deliver' },
    });
    expect(readRecipe({ recipe_on_failure: 'fail' }, { recipe_on_failure: 'deliver' }, SCRIPT)).toMatchObject({
      wishes: { script: SCRIPT, onFailure: 'fail' },
    });
  });

  it('may be a document as an object', () => {
    const read = readRecipe({}, { cloud_init_config: { packages: ['nginx'] } }, undefined);
    expect(read).toMatchObject({ wishes: { cloudInit: '#cloud-config\n{"packages":["nginx"]}\n' } });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ post_provision_script: 7 }, 'post_provision_script is not a text'],
    [{ cloud_init_config: ['x'] }, 'cloud_init_config is not a text or an object'],
    [{ recipe_on_failure: 'ignore' }, 'recipe_on_failure is not "fail" or "deliver"'],
    [{ recipe_timeout_seconds: 0 }, 'recipe_timeout_seconds is not a whole number from 1 to 2400'],
    [{ recipe_timeout_seconds: 1.5 }, 'recipe_timeout_seconds is not a whole number from 1 to 2400'],
    [{ cloud_init_config: DOCUMENT, post_provision_script: SCRIPT }, 'gives both'],
  ])('is refused as %j', (settings, words) => {
    expect(readRecipe({}, settings, undefined)).toEqual({ refused: expect.stringContaining(words) });
    expect(readRecipe(settings, {}, undefined)).toEqual({
      refused: expect.stringContaining("the contract's instance_config"),
    });
  });
});

const runScript: NonNullable<Provisioner['runScript']> = async () => ({ timedOut: false, seconds: 0, output: '' });

function plan(
  wishes: RecipeWishes,
  capabilities: Partial<Capabilities>,
  more: { defaults?: Partial<typeof RECIPE_DEFAULTS>; runs?: true } = {},
) {
  const provisioner = {
    capabilities: { readiness: 'ssh' as const, ...capabilities },
    ...(more.runs ? { runScript } : {}),
  };
  return planRecipe(ORDER, wishes, { name: 'home', provisioner }, { ...RECIPE_DEFAULTS, ...more.defaults });
}

const USER_DATA = { userData: { maxBytes: 32_768 } };

describe('the way of a recipe', () => {
  it('is the backend’s own hand where there is one, else a key of ours, else the making', () => {
    const by = (...args: Parameters<typeof plan>) => plan(...args);
    expect(by({ script: SCRIPT }, { ...USER_DATA, recipes: true }, { runs: true })).toMatchObject({
      order: { postProvisionScript: SCRIPT, recipe: { by: 'backend', onFailure: 'fail', limitSeconds: 300 } },
    });
    expect(by({ script: SCRIPT }, USER_DATA)).toMatchObject({ order: { recipe: { by: 'ssh' } } });
    expect(by({ script: SCRIPT }, { recipes: true })).toMatchObject({ order: { recipe: { by: 'create' } } });
    expect(by({ cloudInit: DOCUMENT }, USER_DATA, { runs: true })).toMatchObject({
      order: { cloudInit: DOCUMENT, recipe: { by: 'backend' } },
    });
    expect(by({ cloudInit: DOCUMENT }, USER_DATA)).toMatchObject({ order: { recipe: { by: 'ssh' } } });
  });

  it('is none where there is no recipe, and no key of ours is put into a machine', () => {
    expect(plan({}, USER_DATA)).toEqual({ order: ORDER });
  });

  it('is refused where the target has none', () => {
    expect(plan({ script: SCRIPT }, {})).toEqual({
      refused: 'the offering has a post-provision script, and target home cannot run one',
    });
    expect(plan({ cloudInit: DOCUMENT }, { recipes: true }, { runs: true })).toEqual({
      refused: 'the offering has a cloud-init document, and target home takes none',
    });
  });

  it('takes the agent’s own recipe where nobody says anything and the target can', () => {
    const defaults = { script: 'echo', onFailure: 'deliver' as const };
    expect(plan({}, {}, { runs: true, defaults })).toMatchObject({
      order: { postProvisionScript: 'echo', recipe: { onFailure: 'deliver' } },
    });
    expect(plan({}, {}, { defaults })).toEqual({ order: ORDER });
    expect(plan({}, USER_DATA, { defaults: { cloudInit: DOCUMENT } })).toMatchObject({
      order: { cloudInit: DOCUMENT },
    });
    expect(plan({}, { recipes: true }, { defaults: { cloudInit: DOCUMENT } })).toEqual({ order: ORDER });
    const other = plan({ cloudInit: DOCUMENT }, USER_DATA, { runs: true, defaults });
    expect(other).toMatchObject({ order: { cloudInit: DOCUMENT } });
    expect(other).not.toHaveProperty('order.postProvisionScript');
  });
});

describe('a setting that the target does not know', () => {
  it('is refused, where the target says what it knows', () => {
    const order = { ...ORDER, settings: { image: 'debian', templte: 7 } };
    const at = (settings?: string[]) =>
      planRecipe(
        order,
        {},
        {
          name: 'home',
          provisioner: { capabilities: { readiness: 'ssh', ...(settings === undefined ? {} : { settings }) } },
        },
        RECIPE_DEFAULTS,
      );
    expect(at(['image'])).toEqual({ refused: 'target home knows no setting "templte"' });
    expect(at(['image', 'templte'])).toEqual({ order });
    expect(at()).toEqual({ order });
    expect(plan({}, { settings: [] })).toEqual({ order: ORDER });
  });
});

describe('what no target could use', () => {
  it('is a script of more than 64 KiB', () => {
    const fits = 'ä'.repeat(32_768);
    expect(plan({ script: fits }, { recipes: true })).toMatchObject({ order: { postProvisionScript: fits } });
    const problem = "The offering's post-provision script is larger than 64 KiB.";
    expect(plan({ script: `${fits}x` }, { recipes: true })).toEqual({ order: { ...ORDER, problem } });
  });

  it('is a document that cloud-init would not read', () => {
    expect(plan({ cloudInit: 'nonsense' }, USER_DATA)).toEqual({
      order: { ...ORDER, problem: expect.stringContaining('begins with none of the words') },
    });
  });

  it('is one that is too large for the backend with what we add, to the byte', () => {
    const sized = (bytes: number) => ({ cloudInit: `#cloud-config\nfiller: ${'x'.repeat(bytes)}\n` });
    const whole = /: (\d+) bytes/.exec(JSON.stringify(plan(sized(1000), { userData: { maxBytes: 10 } })))?.[1];
    const maxBytes = Number(whole);
    expect(plan(sized(1000), { userData: { maxBytes } })).not.toHaveProperty('order.problem');
    expect(plan(sized(1001), { userData: { maxBytes } })).toEqual({
      order: { ...ORDER, problem: expect.stringContaining(`${maxBytes} are possible`) },
    });
  });
});
