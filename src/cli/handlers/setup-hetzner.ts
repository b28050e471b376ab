import type { Handler } from '../command.ts';
import { terminalAsker } from '../setup/ask.ts';
import { finishOn } from '../setup/finish.ts';
import { readOptions } from '../setup/hetzner/options.ts';
import { setUp } from '../setup/hetzner/run.ts';
import { takeBackAll } from '../setup/hetzner/take-back.ts';
import { thisSetupHost } from '../setup/host.ts';

export const setupHetzner: Handler = async (args, io) => {
  const options = await readOptions(args, io);
  // Questions need somebody who sees them and can answer; a pipe is neither.
  const isSeen = io.terminal && process.stdin.isTTY === true;
  const ask = isSeen ? terminalAsker({ input: process.stdin, output: process.stderr }, io.signal) : undefined;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const deps = { ask, zone, finish: finishOn(thisSetupHost(io.env)) };
  return options.does === 'undo' ? takeBackAll(options, io, deps) : setUp(options, io, deps);
};
