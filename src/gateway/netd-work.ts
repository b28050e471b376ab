import { VERSION } from '../host/version.ts';
import { parseContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { createPlanMemory, type PlanMemory } from './netd-plan.ts';
import type { Answer, Op, Request } from './netd-protocol.ts';
import type { Nft } from './nft-run.ts';
import { surveyOthers } from './nft-survey.ts';
import { createNftTable, type NftTable } from './nft-table.ts';
import { planRoutes } from './plan.ts';
import { type NetworkSettings, settingsText } from './plan-settings.ts';

/** Answers requests, one after the other. Settings are the helper's own: nothing that is asked for goes beyond them. */
export interface NetdWork {
  answer(request: Request, signal: AbortSignal): Promise<Answer<Op>>;
  /** Closes everything to tenants where there is no table yet. */
  start(signal: AbortSignal): Promise<void>;
}

export interface NetdDeps {
  readonly settings: NetworkSettings;
  readonly nft: Nft;
  readonly log: Log;
}

export function createNetdWork(deps: NetdDeps): NetdWork {
  const table = createNftTable(deps.settings, deps.nft);
  const bench = { ...deps, table, memory: createPlanMemory() };
  let last: Promise<unknown> = Promise.resolve();
  /** Two transactions of ours at once would undo each other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
  return {
    answer: (request, signal) => inTurn(() => work(request, bench, signal)),
    async start(signal) {
      const made = await inTurn(() => table.ensure(signal));
      if (made.length > 0) deps.log.info({ made }, 'netd: the table was made; nothing is open until the agent says so');
    },
  };
}

interface Workbench extends NetdDeps {
  readonly table: NftTable;
  readonly memory: PlanMemory;
}

async function work(request: Request, bench: Workbench, signal: AbortSignal): Promise<Answer<Op>> {
  const { settings, nft, log, table, memory } = bench;
  switch (request.op) {
    case 'about': {
      const { bridge } = await table.ability(signal);
      return { version: VERSION, nft: await nft.version(signal), bridge, settings: settingsText(settings) };
    }
    case 'apply':
    case 'change': {
      const asked = memory.ask(request);
      // Only a change can be of a plan that is not there any more.
      if (asked === undefined) return {};
      const { machines, refused } = planRoutes(settings, asked.routes);
      const repaired = await table.apply(machines, signal);
      memory.made(asked);
      tellRefused(refused, log);
      if (repaired.length > 0) log.info({ repaired, machines: machines.size }, 'netd: repaired');
      const applied = {
        repaired: [...repaired],
        refused: [...refused].map(([contract, why]) => ({ contract, why })),
        state: asked.state,
      };
      return request.op === 'apply' ? applied : { applied };
    }
    case 'traffic':
      return { traffic: trafficOf(await table.bytes(signal)) };
    case 'answered':
      return { answered: await table.answered(request.localPort, request.port, request.ipv4, signal) };
    case 'survey':
      return surveyOthers(nft, settings, signal);
  }
}

function tellRefused(refused: ReadonlyMap<string, string>, log: Log): void {
  for (const [contract, why] of [...refused].slice(0, TOLD)) log.warn({ contract, why }, 'netd: route refused');
  if (refused.size > TOLD) log.warn({ more: refused.size - TOLD }, 'netd: more routes were refused');
}

/** A plan that is wrong throughout must not fill the disk with what is wrong with it. */
const TOLD = 20;

/** Counters say themselves whose they are, so that they can be read with nothing else known. */
function trafficOf(bytes: Awaited<ReturnType<NftTable['bytes']>>): Answer<'traffic'>['traffic'] {
  return [...bytes].flatMap(([name, sum]) => {
    const contract = parseContractId(name);
    return contract === undefined ? [] : [{ contract, bytesIn: sum.in, bytesOut: sum.out }];
  });
}
