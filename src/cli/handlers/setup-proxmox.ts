import type { Handler } from '../command.ts';
import { terminalAsker } from '../setup/ask.ts';
import { finishOn } from '../setup/finish.ts';
import { thisSetupHost } from '../setup/host.ts';
import { readOptions } from '../setup/proxmox/options.ts';
import { repin } from '../setup/proxmox/repin.ts';
import { setUp } from '../setup/proxmox/run.ts';
import { takeBackAll } from '../setup/proxmox/take-back.ts';

export const setupProxmox: Handler = async (args, io) => {
  const options = await readOptions(args, io);
  const host = thisSetupHost(io.env);
  // Questions need somebody who sees them and can answer; a pipe is neither.
  const isSeen = io.terminal && process.stdin.isTTY === true;
  const ask = isSeen ? terminalAsker({ input: process.stdin, output: process.stderr }, io.signal) : undefined;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const deps = { host, ask, zone, finish: finishOn(host), ownApi: 'https://127.0.0.1:8006' };
  const commands = { 'set up': setUp, undo: takeBackAll, repin };
  return commands[options.does](options, io, deps);
};
