import { type Bench, provisionerConformance, type TestContext } from '../../../provisioner/conformance.ts';
import type { AgentId, Log, ProvisionerPlugin } from '../../../provisioner/index.ts';
import { systemClock, systemRandom } from '../../../provisioner/index.ts';
import { causes } from '../../failure.ts';
import { within } from '../within.ts';
import { conformanceAgent, openStock, PATIENCE_MS, type Stock } from './stock.ts';

export interface LiveInput {
  readonly plugin: ProvisionerPlugin;
  readonly settings: unknown;
  readonly target: string;
  /** The real agent's id; the machines are stamped with one derived from it. */
  readonly agent: AgentId;
  readonly stateDir: string;
  readonly log: Log;
  /** Ctrl-C: no further rule is begun, and the one under way is ended. */
  readonly signal: AbortSignal;
  /** So many machines may be made in all. */
  readonly budget: number;
  /** So many of them at the same time. */
  readonly parallel: number;
  readonly ruleTimeoutMs: number;
  onVerdict(verdict: RuleVerdict): void;
  tell(text: string): void;
}

export interface RuleVerdict {
  /** "chapter: rule". */
  readonly rule: string;
  readonly verdict: 'kept' | 'broken' | 'skipped';
  /** What was wrong, or what was missing. */
  readonly why?: string;
  readonly ms: number;
}

export interface LiveOutcome {
  readonly rules: readonly RuleVerdict[];
  /** How many machines were ordered. */
  readonly machines: number;
  /** Machines that may still be there, each with why. */
  readonly left: readonly string[];
  readonly interrupted: boolean;
}

interface Test {
  readonly rule: string;
  readonly body: (context: TestContext) => Promise<void>;
}

/** Runs the conformance kit over a configured target, one rule after the other, each on machines of its own that are removed after it. */
export async function runLive(input: LiveInput): Promise<LiveOutcome> {
  const rules: RuleVerdict[] = [];
  const left: string[] = [];
  let machines = 0;
  let ending = new AbortController();
  let clear = async (): Promise<void> => {};
  const tests = collect(input, async () => {
    const stock = await open(input, AbortSignal.any([input.signal, ending.signal]));
    let cleared: Promise<void> | undefined;
    clear = () => (cleared ??= stock.cleanup().then((problems) => void left.push(...problems)));
    return {
      ...stock.bench,
      order(overrides) {
        if (machines >= input.budget) throw new OverBudget(`the budget of ${input.budget} machines is spent`);
        machines += 1;
        return stock.bench.order(overrides);
      },
      cleanup: clear,
    };
  });
  for (const test of tests) {
    if (input.signal.aborted) break;
    ending = new AbortController();
    const verdict = await judge(test, AbortSignal.any([input.signal, ending.signal]), ending, input.ruleTimeoutMs);
    // Once more for a rule that never ended: its machines go all the same.
    await clear();
    rules.push(verdict);
    input.onVerdict(verdict);
  }
  return { rules, machines, left, interrupted: input.signal.aborted };
}

class OverBudget extends Error {}

function collect({ target, parallel }: LiveInput, openBench: () => Promise<Bench>): Test[] {
  const tests: Test[] = [];
  const chapters: string[] = [];
  provisionerConformance({
    name: target,
    open: openBench,
    parallel,
    describe(name, body) {
      chapters.push(name);
      body();
      chapters.pop();
    },
    test: (name, body) => tests.push({ rule: `${chapters.at(-1)}: ${name}`, body }),
  });
  return tests;
}

async function open(
  input: LiveInput,
  signal: AbortSignal,
): Promise<{ bench: Omit<Bench, 'cleanup'>; cleanup: () => Promise<string[]> }> {
  const { plugin, settings, target, log, stateDir, tell } = input;
  const agent = conformanceAgent(input.agent);
  const provisioner = await plugin.open(settings, { agent, target, clock: systemClock, random: systemRandom, log });
  const stock: Stock = openStock({ provisioner, agent, target, stateDir, log, signal, tell });
  return {
    bench: { provisioner: stock.provisioner, order: stock.order },
    async cleanup() {
      try {
        return await stock.clear();
      } finally {
        await provisioner.close?.();
      }
    },
  };
}

/** A rule that takes too long has its calls cancelled, and so has one that Ctrl-C ends; then it must end by itself, or is given up. */
async function judge(
  { rule, body }: Test,
  ended: AbortSignal,
  ending: AbortController,
  limitMs: number,
): Promise<RuleVerdict> {
  const began = systemClock.monotonic();
  const verdict = (what: RuleVerdict['verdict'], why?: string): RuleVerdict => {
    const ms = Math.round(systemClock.monotonic() - began);
    return { rule, verdict: what, ms, ...(why === undefined ? {} : { why }) };
  };
  const cancel = systemClock.after(limitMs, () => ending.abort(new Error(`it took longer than ${limitMs / 1000} s`)));
  let missing: string | undefined;
  const end = body({ skip: (reason) => (missing = reason ?? 'not offered') });
  const givenUp = aborted(ended).then(() => within(PATIENCE_MS, end));
  try {
    if ((await Promise.race([end, givenUp])) === 'late')
      return verdict('broken', 'it did not end when it was cancelled');
    return missing === undefined ? verdict('kept') : verdict('skipped', missing);
  } catch (error) {
    if (error instanceof OverBudget) return verdict('skipped', error.message);
    if (ended.aborted && !ending.signal.aborted) return verdict('skipped', 'interrupted');
    const tooLong = ending.signal.aborted ? causes(ending.signal.reason) : [];
    return verdict('broken', [...tooLong, ...causes(error)].join(': '));
  } finally {
    cancel();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
