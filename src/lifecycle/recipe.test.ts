import { describe, expect, it } from 'vitest';
import { decide, type World } from './decide.ts';
import {
  admission,
  andThen,
  CALM,
  DEADLINE,
  did,
  done,
  failed,
  intent,
  MACHINE,
  NOW,
  ORDER,
  toldAt,
  upTo,
} from './fixtures.ts';
import { defaultPolicy } from './policy.ts';
import { planOf } from './recipe.ts';
import type { ContractEvent, ContractRecord, RecipeEnd, RecipePlan } from './record.ts';

const GOOD: RecipeEnd = { ok: true, exit: 0, seconds: 3, summary: 'well', output: 'hello' };
const BAD: RecipeEnd = { ok: false, exit: 2, seconds: 3, summary: 'The deployment failed (exit 2).', output: 'oh' };

const WORLD: World = { ...CALM, can: { ...CALM.can, runScript: true } };

function sold(plan: Partial<RecipePlan>, ...events: ContractEvent[]): ContractRecord {
  const recipe: RecipePlan = { by: 'backend', onFailure: 'fail', limitSeconds: 300, ...plan };
  return toldAt(NOW, admission({ ...ORDER, postProvisionScript: 'echo', recipe }), ...events);
}

function next(record: ContractRecord, world: World = WORLD, now = NOW): string {
  const decision = decide(record, world, defaultPolicy, now);
  return decision.kind === 'step' ? decision.step : decision.kind;
}

const ended = (recipe: RecipeEnd): ContractEvent[] => [intent('recipe'), done('recipe', { recipe })];

describe('a recipe', () => {
  it('comes after a login was seen, and a login is seen once more after it', () => {
    const before = sold({}, ...upTo('create'));
    expect(next(before)).toBe('verify');
    expect(next(sold({}, ...upTo('verify')))).toBe('recipe');
    const after = sold({}, ...upTo('verify'), ...ended(GOOD));
    expect(next(after)).toBe('verify');
    expect(next(sold({}, ...upTo('verify'), ...ended(GOOD), ...did('verify')))).toBe('deliver');
  });

  it('by SSH is followed by our key’s way out, whatever became of it, and nothing is delivered before', () => {
    const plan = { by: 'ssh', onFailure: 'deliver' } as const;
    for (const end of [GOOD, BAD]) {
      const after = sold(plan, ...upTo('verify'), ...ended(end), ...did('verify'));
      expect(next(after)).toBe('withdraw');
      expect(next(sold(plan, ...upTo('verify'), ...ended(end), ...did('verify'), ...did('withdraw')))).toBe('deliver');
    }
  });

  it('says what is done, and why', () => {
    const plan = { by: 'ssh', onFailure: 'deliver' } as const;
    expect(decide(sold(plan, ...upTo('verify')), WORLD, defaultPolicy, NOW)).toMatchObject({
      step: 'recipe',
      why: 'what the offering deploys is to be deployed',
    });
    const after = sold(plan, ...upTo('verify'), ...ended(GOOD), ...did('verify'));
    expect(decide(after, WORLD, defaultPolicy, NOW)).toMatchObject({
      step: 'withdraw',
      why: 'the way in that the deployment needed is closed before anybody is told',
    });
  });

  it('by SSH needs a machine whose host key was seen, also where the backend’s word would do', () => {
    const trusting: World = { ...WORLD, can: { ...WORLD.can, needsLogin: false } };
    expect(next(sold({ by: 'ssh' }, ...upTo('create')), trusting)).toBe('verify');
    expect(next(sold({ by: 'backend' }, ...upTo('create')), trusting)).toBe('recipe');
  });

  it('that failed ends the contract with its reason, or is delivered all the same, as was settled', () => {
    const failing = sold({}, ...upTo('verify'), ...ended(BAD));
    expect(decide(failing, WORLD, defaultPolicy, NOW)).toMatchObject({
      kind: 'goal',
      goal: 'remove',
      reason: 'failed',
      publicReason: BAD.summary,
    });
    expect(next(sold({ onFailure: 'deliver' }, ...upTo('verify'), ...ended(BAD), ...did('verify')))).toBe('deliver');
  });

  it('that cannot be run, or a key that will not go, ends at the deadline: nothing half-made is handed over', () => {
    const stuck = sold({}, ...upTo('verify'), intent('recipe'), failed('recipe'));
    expect(decide(stuck, WORLD, defaultPolicy, DEADLINE)).toMatchObject({ kind: 'goal', reason: 'failed' });
    const kept = sold({ by: 'ssh' }, ...upTo('verify'), ...ended(GOOD), ...did('verify'), failed('withdraw'));
    expect(decide(kept, WORLD, defaultPolicy, DEADLINE)).toMatchObject({ kind: 'goal', reason: 'failed' });
  });

  it('of the making is not run again', () => {
    expect(next(sold({ by: 'create' }, ...upTo('verify')))).toBe('deliver');
    expect(next(toldAt(NOW, admission(), ...upTo('verify')))).toBe('deliver');
  });

  it('belongs to its machine: one that is made anew has it ahead, and our key in it', () => {
    const again = sold(
      { by: 'ssh' },
      ...upTo('verify'),
      ...ended(GOOD),
      ...did('verify'),
      ...did('withdraw'),
      ...did('create', { instance: MACHINE }),
      ...did('verify'),
    );
    expect(next(again)).toBe('recipe');
    expect(again).not.toHaveProperty('withdrawn');
  });

  it('of an order of format 1 is run where the backend does it apart now, unless it was handed over', () => {
    const old = toldAt(NOW, admission({ ...ORDER, postProvisionScript: 'echo' }), ...upTo('verify'));
    expect(next(old)).toBe('recipe');
    expect(next(old, CALM)).toBe('deliver');
    const delivered = toldAt(NOW, admission({ ...ORDER, postProvisionScript: 'echo' }), ...upTo('release'));
    expect(next(andThen(delivered, { type: 'goal', goal: 'deliver', why: 'restored' }))).toBe('deliver');
  });

  it('of the making ends the contract when it went wrong, whatever else would be settled', () => {
    const failing = sold({ by: 'create' }, ...upTo('verify'), ...ended(BAD));
    expect(decide(failing, WORLD, defaultPolicy, NOW)).toMatchObject({
      kind: 'goal',
      reason: 'failed',
      why: BAD.summary,
    });
  });

  it('of format 1 has five minutes, and its failure is the contract’s', () => {
    const old = toldAt(NOW, admission({ ...ORDER, postProvisionScript: 'echo' }), ...upTo('verify'));
    expect(planOf(old, { runScript: true })).toEqual({ by: 'backend', onFailure: 'fail', limitSeconds: 300 });
  });

  it('keeps what it printed in the record only: the time line is handed about', () => {
    const record = sold({}, ...upTo('verify'), ...ended(GOOD));
    expect(record.recipe?.output).toBe('hello');
    expect(JSON.stringify(record.history)).not.toContain('hello');
  });
});
