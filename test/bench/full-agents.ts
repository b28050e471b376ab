import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import { createBudget } from '../../src/platform/budget.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualTime } from '../simulation/virtual-time.ts';
import { startAgent } from './agent.ts';
import { openMarket } from './market.ts';
import { memoryDisk } from './memory-disk.ts';
import { fillMarket, writeLedger } from './owned.ts';

const MINUTE = 60_000;

/** The whole daemon, some twenty times, through the same hour of outage: what the model of loops has to agree with. */
export async function fullAgents(agents: number, machinesEach: number) {
  const time = new VirtualTime();
  const chance = new SeededRandom(11);
  const market = openMarket(time, chance.fork());
  const attempts: number[] = [];
  let away = false;
  for (let index = 0; index < agents; index++) {
    const { seed, key } = market.agent();
    const agent = key as AgentId;
    const random = chance.fork();
    const disk = memoryDisk();
    fillMarket(market, agent, time, machinesEach, index * machinesEach);
    await (await writeLedger(disk, '/bench', time, machinesEach, index * machinesEach)).close();
    const send = inProcessTransport(market.platform, { clock: time });
    await startAgent({
      seed,
      provider: market.provider,
      clock: time,
      random,
      disk,
      directory: '/bench',
      platform: (request) => {
        attempts.push(time.monotonic());
        return away ? Promise.reject(new Error('connection refused')) : send(request);
      },
      backend: inProcessSandbox(market.backend, { clock: time }),
      budget: createBudget({ clock: time }),
      signer: { publicKey: agent, header: 'X-Agent-Pubkey', sign: () => '0'.repeat(128) },
    });
    await time.advance(chance.below(5_000));
  }
  const perAgent = (from: number, to: number): number => attempts.filter((at) => at >= from && at < to).length / agents;
  await time.advance(10 * MINUTE);
  const begun = time.monotonic();
  const steadyPerMinute = perAgent(begun - 5 * MINUTE, begun) / 5;
  away = true;
  await time.advance(60 * MINUTE);
  away = false;
  const back = time.monotonic();
  await time.advance(10 * MINUTE);
  const minutes = Array.from({ length: 10 }, (_, minute) =>
    perAgent(back + minute * MINUTE, back + (minute + 1) * MINUTE),
  );
  return { steadyPerMinute, busiestMinuteAfter: Math.max(...minutes) };
}
