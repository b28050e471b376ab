import type { ContractRecord, RecipeEnd, RecipePlan } from './record.ts';

/** What a target can do for recipes. */
export interface RecipeWays {
  /** The backend runs a script in the machine by its own hand. */
  readonly runScript?: boolean;
}

/**
 * How a contract's recipe is to be run by us; undefined when there is none, or when the machine's making runs it. Pure. What was
 * taken before plans were made (format 1) had its script run by `create`, on backends that run it apart today.
 */
export function planOf({ order, delivered }: ContractRecord, ways: RecipeWays): RecipePlan | undefined {
  const { recipe, postProvisionScript } = order;
  if (recipe !== undefined) return recipe.by === 'create' ? undefined : recipe;
  if (postProvisionScript === undefined || delivered || ways.runScript !== true) return undefined;
  return { by: 'backend', onFailure: 'fail', limitSeconds: 300 };
}

/** The first thing of the recipe that is still to be done in a machine; undefined when nothing is. */
export function recipeStep(record: ContractRecord, ways: RecipeWays): 'recipe' | 'withdraw' | undefined {
  const plan = planOf(record, ways);
  if (plan === undefined) return undefined;
  if (record.recipe === undefined) return 'recipe';
  return plan.by === 'ssh' && record.withdrawn !== true ? 'withdraw' : undefined;
}

/** How the recipe ended, when that means that there is nothing to hand over. */
export function failedRecipe(record: ContractRecord, ways: RecipeWays): RecipeEnd | undefined {
  return record.recipe?.ok === false && planOf(record, ways)?.onFailure !== 'deliver' ? record.recipe : undefined;
}
