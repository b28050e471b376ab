import { copyFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DemoBackend } from './backend.ts';
import { type AgentHost, complaints } from './agent-host.ts';
import { chooseBackend } from './choose.ts';
import { DemoFailure, reasonOf } from './failure.ts';
import { makeHome } from './home.ts';
import { launch } from './launch.ts';
import { openMarket } from './market.ts';
import type { DemoOptions, Interrupts, Program, Say } from './options.ts';
import type { DemoReport } from './report.ts';
import { tellStory } from './story.ts';
import { Trouble } from './trouble.ts';
import { Undo } from './undo.ts';

export interface DemoInput {
  readonly options: DemoOptions;
  readonly program: Program;
  readonly say: Say;
  readonly interrupts: Interrupts;
}

/**
 * Makes a contract into a machine and takes it back, with the real agent as a process of its own, and measures. Whatever was
 * begun is taken back before it returns or throws: processes, machines, networks, files. Only a failed agent's log is left.
 */
export async function runDemo(input: DemoInput): Promise<DemoReport> {
  const undo = new Undo();
  const rescue: { host?: AgentHost } = {};
  try {
    const report = await play(input, undo, rescue);
    const left = await undo.all();
    if (left.length === 0) return report;
    throw new DemoFailure('the demonstration went well, but something is left of it', { details: left });
  } catch (error) {
    const log = rescue.host && (await rescueLog(rescue.host));
    const left = await undo.all();
    throw new DemoFailure(reasonOf(error), {
      details: [...detailsOf(error), ...(log?.details ?? []), ...left],
      ...nextOf(error, log?.file),
      cause: error instanceof DemoFailure ? error.cause : error,
    });
  }
}

async function play(input: DemoInput, undo: Undo, rescue: { host?: AgentHost }): Promise<DemoReport> {
  const { options, program, say, interrupts } = input;
  const trouble = new Trouble();
  // With --keep the first one is how it is meant to end, once everything is there.
  if (!options.keep) trouble.interruptedBy(interrupts.first);
  const { signal } = trouble;
  const home = await makeHome(undo);
  const { contracts } = options;
  say('chapter', 'Backend');
  const backend = await chooseBackend(options.backend, { home, program, contracts, undo, say, signal });
  say('line', backend.title);
  const market = await openMarket(backend, home, undo);
  const agent = await launch({ home, backend, market, program, say, undo, trouble, rescue });
  return tellStory({ ...agent, backend, market, trouble, input });
}
