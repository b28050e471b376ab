import { join } from 'node:path';
import { sleep, systemClock } from '../../src/ports/clock.ts';
import { AgentNotRunning, readLocalStatus } from '../../src/telemetry/local-client.ts';
import { type AgentStatusDocument, readiness } from '../../src/telemetry/status.ts';
import { type AgentHost, register, startAgent } from './agent-host.ts';
import type { DemoBackend } from './backend.ts';
import type { Market } from './market.ts';
import type { DemoInput } from './options.ts';
import { teller } from './tell.ts';
import { Timeline } from './timeline.ts';
import type { Trouble } from './trouble.ts';
import type { Undo } from './undo.ts';

export interface LaunchInput {
  readonly input: DemoInput;
  readonly home: string;
  readonly backend: DemoBackend;
  readonly market: Market;
  readonly undo: Undo;
  readonly trouble: Trouble;
  readonly onLog: (file: string) => void;
}

export interface Launched {
  readonly host: AgentHost;
  readonly timeline: Timeline;
}

const READY_MS = 60_000;
/** A step that is under way may end by itself for so long. */
const STOP_MS = 10_000;

/** Registers a host, starts the agent on it, and waits until it can take work; its events are followed from the first one on. */
export async function launch({ input, home, backend, market, undo, trouble, onLog }: LaunchInput): Promise<Launched> {
  const { program, say, options } = input;
  const { url: endpoint, setupToken: token } = market.platform;
  say('chapter', 'Registration with a one-time token');
  say('command', `dc-agent setup token --token - --api-url ${endpoint} --provisioner ${backend.type} …`);
  const { host, said } = await register({ program, home, endpoint, token, backend, signal: trouble.signal });
  say('line', said.split('\nNext:')[0] ?? '');
  // Before the agent runs, so that it is done after the agent has ended.
  undo.add('remove the machines', () => backend.removeAll(host.agent));

  say('chapter', 'Agent');
  say('command', `dc-agent --config ${host.config} run`);
  let leaving = false;
  const agent = await startAgent(program, host);
  onLog(host.logFile);
  undo.add(`end the agent, process ${agent.pid}`, () => {
    leaving = true;
    return agent.stop(STOP_MS);
  });
  void agent.ended.then((how) => {
    if (!leaving) trouble.raise(new Error(`the agent ended by itself, with ${how}`));
  });
  const socket = join(host.stateDir, 'agent.sock');
  const document = await trouble.within(
    READY_MS,
    'the agent’s start',
    (signal) => untilReady(socket, signal),
    () => [],
  );
  say('line', `process ${agent.pid}, ready for work after ${Date.now() - document.startedAt} ms`);

  const timeline = new Timeline(teller(say, options.contracts, () => market.openedAt));
  const stop = new AbortController();
  const following = timeline.follow(socket, document.startedAt, stop.signal).catch((error: unknown) => {
    trouble.raise(error);
  });
  undo.add('stop following the agent', () => {
    leaving = true;
    stop.abort();
    return following;
  });
  return { host, timeline };
}

/** Files and sockets of another process do not announce themselves. */
const LOOK_AGAIN_MS = 50;

async function untilReady(socket: string, signal: AbortSignal): Promise<AgentStatusDocument> {
  for (;;) {
    const document = await readLocalStatus(socket).catch((error: unknown) => {
      if (error instanceof AgentNotRunning) return undefined;
      throw error;
    });
    if (document !== undefined && readiness(document).ready) return document;
    await sleep(systemClock, LOOK_AGAIN_MS, signal);
  }
}
