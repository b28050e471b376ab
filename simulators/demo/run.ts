import { chmod, copyFile } from 'node:fs/promises';
import { complaints } from './agent-host.ts';
import { chooseBackend } from './choose.ts';
import { DemoFailure, reasonOf } from './failure.ts';
import { makeHome } from './home.ts';
import { launch } from './launch.ts';
import { openMarket } from './market.ts';
import type { DemoInput } from './options.ts';
import type { DemoReport } from './report.ts';
import { tellStory } from './story.ts';
import { Interrupted, Trouble } from './trouble.ts';
import { Undo } from './undo.ts';

/**
 * Makes contracts into machines and takes them back, with the real agent as a process of its own, and measures. Whatever was
 * begun is taken back before it returns or throws: processes, machines, networks, files. Only the log of an agent is left with
 * which something went wrong.
 */
export async function runDemo(input: DemoInput): Promise<DemoReport> {
  const undo = new Undo();
  const rescue: Rescue = {};
  const trouble = new Trouble();
  let report: DemoReport;
  try {
    report = await play(input, trouble, undo, rescue);
  } catch (error) {
    input.say('chapter', 'Broken off: everything is taken back, which takes a few seconds');
    // What was cut short says only that it was.
    throw await afterFailure(trouble.signal.aborted ? trouble.signal.reason : error, undo, rescue);
  }
  const left = await undo.all();
  if (left.length === 0) return report;
  throw new DemoFailure('the demonstration went well, but something is left of it', { details: left });
}

async function play(input: DemoInput, trouble: Trouble, undo: Undo, rescue: Rescue): Promise<DemoReport> {
  const { options, program, say, interrupts } = input;
  const { signal } = trouble;
  const undisturbed = trouble.interruptedBy(interrupts.first);
  const home = await makeHome(undo);
  say('chapter', 'Backend');
  const backend = await chooseBackend(options.backend, {
    home,
    program,
    contracts: options.contracts,
    undo,
    say,
    signal,
  });
  say('line', backend.title);
  const market = await openMarket(backend, home, undo);
  say('chapter', 'Platform');
  say('line', `a simulated one, over HTTP: ${market.platform.url}`);
  const launched = await launch({ input, home, backend, market, undo, trouble, onLog: (file) => (rescue.log = file) });
  return tellStory({ input, home, backend, market, trouble, undisturbed, ...launched });
}

interface Rescue {
  /** The agent's log, once there is one. */
  log?: string;
}

/** The failure as it is told, with what the agent has complained about, after everything was taken back. */
async function afterFailure(error: unknown, undo: Undo, { log }: Rescue): Promise<DemoFailure> {
  const known = error instanceof DemoFailure ? error : undefined;
  const details = [...(known?.details ?? [])];
  let next = known?.next;
  if (log !== undefined && !(error instanceof Interrupted)) {
    const kept = `${log.slice(0, log.lastIndexOf('/'))}-agent.log`;
    await copyFile(log, kept);
    await chmod(kept, 0o600);
    details.push(...(await complaints(log)));
    next ??= `The agent’s log is kept: ${kept}`;
  }
  details.push(...(await undo.all()));
  const cause = error instanceof Error ? error.cause : undefined;
  return new DemoFailure(reasonOf(error), { details, cause, ...(next === undefined ? {} : { next }) });
}
