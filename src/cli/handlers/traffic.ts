import { parseTraffic, type TrafficTotals } from '../../agent/index.ts';
import { flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import { trafficStore } from '../gateway.ts';
import { pickContract } from '../records.ts';
import { renderOne, renderTraffic } from '../traffic/render.ts';

export const traffic: Handler = async (args, io) => {
  const { agent, gateway } = await readConfig(args, io);
  const limits = { allowance: gateway?.monthlyAllowanceBytes, throttleMbit: gateway?.throttleMbit };
  const contracts = await readTotals(agent.stateDir);
  const [prefix] = args.operands;
  const chosen = prefix === undefined ? undefined : pickContract(prefix, contracts.keys());
  const shown = chosen === undefined ? contracts : new Map([...contracts].filter(([contract]) => contract === chosen));
  const one = chosen === undefined ? undefined : contracts.get(chosen);
  if (flag(args, 'json')) io.out(JSON.stringify(Object.fromEntries(shown), null, 2));
  else if (chosen !== undefined && one !== undefined)
    io.out(renderOne(chosen, one, { now: Date.now(), colors: io.colors, ...limits }));
  else io.out(renderTraffic(shown, { now: Date.now(), ...limits }));
  return EXIT.ok;
};

/** What the agent saved, at most a minute ago. */
async function readTotals(stateDir: string): Promise<ReadonlyMap<string, TrafficTotals>> {
  try {
    const content = await trafficStore(stateDir).read();
    return content === undefined ? new Map() : parseTraffic(content);
  } catch (cause) {
    const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
    throw new Failure({
      what: `the traffic totals in ${stateDir} ${denied ? 'may not be read by this user' : 'cannot be read'}`,
      next: denied ? 'Run the command as the agent’s user, or as root.' : 'The agent begins anew with its next look.',
      cause,
    });
  }
}
