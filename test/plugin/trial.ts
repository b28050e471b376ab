import { openSandbox, type SandboxProvisioner } from '../../provisioners/sandbox/provisioner.ts';
import { sandboxSettings } from '../../provisioners/sandbox/schema.ts';
import { createSandboxCore, type SandboxCore } from '../../simulators/sandbox/core.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { type Bench, provisionerConformance, type TestContext } from '../../src/provisioner/conformance.ts';
import { type Provisioner, silentLog } from '../../src/provisioner/index.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';
import { AGENT, sandboxBench } from './sandbox-bench.ts';

/** What the kit says of one plugin: its rules as "chapter: rule". */
export interface Verdict {
  readonly kept: readonly string[];
  /** With what was thrown. */
  readonly broken: ReadonlyMap<string, unknown>;
  readonly skipped: readonly string[];
}

/** Makes a plugin of the sandbox's good one; sees the backend itself, as only a test can. */
export type Alter = (good: SandboxProvisioner, core: SandboxCore) => Provisioner;

/** No wait of a plugin that ends is longer than this much virtual time. */
const PATIENCE_MS = 600_000;

/** Runs the whole kit over a plugin, under virtual time, and collects what it says instead of failing. */
export async function trial(alter: Alter): Promise<Verdict> {
  const time = new VirtualTime();
  const tests: { name: string; body: (context: TestContext) => Promise<void> }[] = [];
  const chapters: string[] = [];
  provisionerConformance({
    name: 'on trial',
    parallel: 5,
    open: async () => openBench(time, alter),
    describe(name, body) {
      chapters.push(name);
      body();
      chapters.pop();
    },
    test: (name, body) => tests.push({ name: `${chapters.at(-1)}: ${name}`, body }),
  });
  const kept: string[] = [];
  const broken = new Map<string, unknown>();
  const skipped: string[] = [];
  for (const { name, body } of tests) {
    let left = false;
    const outcome = await ended(time, body({ skip: () => (left = true) }));
    if (outcome !== undefined) broken.set(name, outcome.error);
    else if (left) skipped.push(name);
    else kept.push(name);
  }
  return { kept, broken, skipped };
}

function openBench(time: VirtualTime, alter: Alter): Bench {
  const random = new SeededRandom(7);
  const core = createSandboxCore({ clock: time, random });
  const good = openSandbox({
    transport: inProcessSandbox(core, { clock: time, latencyMs: 1 }),
    deps: { agent: AGENT, target: 'sandbox', clock: time, random, log: silentLog },
    settings: sandboxSettings.parse({ socket_path: '/simulated' }),
  });
  return sandboxBench(core, alter(good, core), {
    async unreachable() {
      core.admin.setReachable(false);
      return async () => core.admin.setReachable(true);
    },
    cleanup: async () => core.close(),
  });
}

/** Lets time pass until the promise is settled; undefined when it was fulfilled. */
async function ended(time: VirtualTime, promise: Promise<void>): Promise<{ error: unknown } | undefined> {
  let outcome: { error?: unknown } | undefined;
  void promise.then(
    () => (outcome = {}),
    (error: unknown) => (outcome = { error }),
  );
  const deadline = time.monotonic() + PATIENCE_MS;
  while (outcome === undefined && time.monotonic() < deadline) await time.advance(100, () => outcome !== undefined);
  if (outcome === undefined) return { error: new Error('the call never ended') };
  return 'error' in outcome ? { error: outcome.error } : undefined;
}
