import { readText, samplesOf } from '../../health/index.ts';
import { systemDisk } from '../../ports/system-disk.ts';
import { flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { type Figures, figuresOf } from '../uptime/figures.ts';
import { pickLogged, uptimeLogs } from '../uptime/logs.ts';
import { renderOne, renderOverview } from '../uptime/render.ts';

export const uptime: Handler = async (args, io) => {
  const logs = await uptimeLogs((await readConfig(args, io)).agent.stateDir);
  const now = Date.now();
  const prefix = args.operands[0];
  const contracts = prefix === undefined ? logs.contracts : [pickLogged(prefix, logs)];
  const all: Figures[] = [];
  for (const contract of contracts)
    all.push(figuresOf(contract, samplesOf(await readText(systemDisk, logs.directory, contract)), now));
  const [one] = all;
  if (flag(args, 'json')) {
    const plain = all.map(({ stretches: _left, ...figures }) => figures);
    io.out(JSON.stringify(prefix === undefined ? plain : plain[0], null, 2));
  } else if (prefix === undefined || one === undefined) io.out(renderOverview(all, now, io.colors));
  else io.out(renderOne(one, now, io.colors));
  return EXIT.ok;
};
