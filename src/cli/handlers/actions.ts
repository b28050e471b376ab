import { setTimeout as pause } from 'node:timers/promises';
import { callLocalApi, readLocalStatus } from '../../telemetry/local-client.ts';
import { flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { socketPath } from '../places.ts';
import { pickContract } from '../records.ts';

export const approve: Handler = async (args, io) => {
  const all = flag(args, 'all');
  if (all === args.operands.length > 0) {
    throw new Failure({
      what: all ? 'contracts and --all were both given' : 'neither contracts nor --all were given',
      next: 'See what is held back, then name it:',
      command: 'dc-agent status',
      exit: EXIT.usage,
    });
  }
  const socket = socketPath((await readConfig(args, io)).agent.stateDir);
  const { breaker } = await readLocalStatus(socket);
  if (breaker.held.length === 0) {
    io.out('Nothing is held back.');
    return EXIT.ok;
  }
  // What is approved is what was seen here: a contract that is held back a moment later needs its own approval.
  const contracts = all ? breaker.held : args.operands.map((prefix) => pickContract(prefix, breaker.held));
  return act(socket, '/v1/approve', { contracts }, io);
};

export const resetPassword: Handler = async (args, io) => {
  const socket = socketPath((await readConfig(args, io)).agent.stateDir);
  const { contracts } = await readLocalStatus(socket);
  const contract = pickContract(
    args.operands[0] ?? '',
    contracts.map((one) => one.contract),
  );
  const sealFor = text(args, 'sealFor')?.toLowerCase();
  if (sealFor !== undefined && !/^[0-9a-f]{64}$/.test(sealFor))
    throw new Failure({ what: '--seal-for takes the tenant’s public key, 64 hexadecimal digits', exit: EXIT.usage });
  const body = { contracts: [contract], ...(sealFor === undefined ? {} : { sealFor }) };
  return act(socket, '/v1/reset-password', body, io);
};

export const drain: Handler = async (args, io) => {
  const socket = socketPath((await readConfig(args, io)).agent.stateDir);
  const code = await act(socket, '/v1/drain', undefined, io);
  if (code === EXIT.ok && flag(args, 'wait')) await untilDrained(socket, io);
  return code;
};

export const resume: Handler = async (args, io) =>
  act(socketPath((await readConfig(args, io)).agent.stateDir), '/v1/resume', undefined, io);

async function act(socket: string, path: string, body: object | undefined, io: Io): Promise<ExitCode> {
  const answer = await callLocalApi(socket, path, { method: 'POST', ...(body ? { body } : {}) });
  const words = answer.body as { text?: unknown; error?: unknown } | null;
  const said = typeof words?.text === 'string' ? words.text : undefined;
  if (answer.status === 200) {
    io.out(said ?? 'Done.');
    return EXIT.ok;
  }
  throw new Failure({
    what: said ?? `the agent refused ${path} (${answer.status})`,
    ...(typeof words?.error === 'string' ? { details: [words.error] } : {}),
    next: 'See what the agent is doing:',
    command: 'dc-agent status',
  });
}

async function untilDrained(socket: string, io: Io): Promise<void> {
  let shown = '';
  while (!io.signal.aborted) {
    const document = await readLocalStatus(socket);
    if (document.phase === 'drained') return io.out('Drained: nothing is under way.');
    if (document.phase !== 'draining') {
      throw new Failure({ what: `the agent is ${document.phase} and no longer draining` });
    }
    const busy = document.targets.reduce((sum, target) => sum + target.busy, 0);
    const line = `waiting: ${busy} ${busy === 1 ? 'step' : 'steps'} under way`;
    if (line !== shown) io.err(line);
    shown = line;
    await pause(500, undefined, { signal: io.signal }).catch(() => undefined);
  }
  throw new Failure({
    what: 'stopped waiting; the agent goes on draining',
    next: 'To take new contracts again:',
    command: 'dc-agent resume',
  });
}
