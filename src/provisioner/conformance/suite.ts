import { accessRules } from './access.ts';
import { type Kit, NotOffered, type Rule, type TestContext } from './bench.ts';
import { capabilityRules } from './capabilities.ts';
import { createRules } from './create.ts';
import { destroyRules, twinRules } from './destroy.ts';
import { errorRules } from './errors.ts';
import { factRules } from './facts.ts';
import { interruptionRules } from './interruptions.ts';
import { leakRules } from './leaks.ts';
import { listRules } from './list.ts';
import { observeRules } from './observe.ts';
import { ownershipRules } from './ownership.ts';
import { powerRules } from './power.ts';
import { scriptRules } from './scripts.ts';
import { throttlingRules } from './throttling.ts';

const CHAPTERS: Readonly<Record<string, readonly Rule[]>> = {
  create: createRules,
  destroy: destroyRules,
  'twins of one stamp': twinRules,
  ownership: ownershipRules,
  'stop and start': powerRules,
  'keys and passwords': accessRules,
  'scripts inside a machine': scriptRules,
  observe: observeRules,
  list: listRules,
  'lost answers and deaths': interruptionRules,
  throttling: throttlingRules,
  leaks: leakRules,
  capabilities: capabilityRules,
  errors: errorRules,
  facts: factRules,
};

/**
 * The conformance kit: one suite over every plugin, built-in or foreign. It works through the plugin contract alone and judges
 * by what the backend really holds. It needs a test runner's `describe` and `test` (vitest's fit as they are) and a backend to
 * open; what a backend cannot be made to do is left out of `faults`, and those tests say that they are skipped.
 */
export function provisionerConformance({ name, open, describe, test, timeoutMs = 60_000, parallel = 25 }: Kit): void {
  /** Every rule gets a backend of its own. */
  async function judge(rule: Rule, context: TestContext): Promise<void> {
    const bench = await open();
    try {
      await rule.check(bench, { parallel });
    } catch (error) {
      if (!(error instanceof NotOffered)) throw error;
      context.skip(error.message);
    } finally {
      await bench.cleanup();
    }
  }

  describe(`${name} keeps the plugin contract`, () => {
    for (const [chapter, rules] of Object.entries(CHAPTERS)) {
      describe(chapter, () => {
        for (const rule of rules) test(rule.says, (context) => judge(rule, context), timeoutMs);
      });
    }
  });
}
