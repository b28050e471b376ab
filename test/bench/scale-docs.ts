import { writeFile } from 'node:fs/promises';
import { table, writePictures } from './documents.ts';
import type { Result } from './report.ts';

/** Writes docs/scale.md and its pictures from what was just simulated. */
export async function writeScale(results: readonly Result[]): Promise<void> {
  const pictures = await writePictures('scale', results);
  await writeFile(
    'docs/scale.md',
    `# Ten thousand agents

Written by \`npm run bench -- --scale --write-docs\`; do not edit.

What the platform would see of 10,000 agents with 100 machines each, a million machines, in virtual time and
through an hour in which the platform is away.

${table(results)}

${pictures}

## What it says

- **Health is half of the load.** The protocol takes one report for each contract, so a million machines every
  five minutes are 3,333 requests a second, whoever sends them. A call for many contracts at once would make it
  one request for each agent and cycle. Most of the other half is the poll of the work list: the price of a mean
  wait of less than 2 s.
- **Polling adapts to work, within bounds.** For two minutes after something was rented from its pool an agent polls
  twice as often as an idle one: where one rental comes, the next is likely. Even if that came to pass in every pool at
  once the load would hardly grow by half (see the table). Idle agents could save more by polling more slowly still, and
  would break the promise that a contract is seen within 2 s on average. A platform that pushes, or answers late when
  there is nothing, would save nearly all of it.
- **Jitter is what keeps agents apart.** Agents that were started together, by a reboot of a site or an upgrade,
  would stay in step for ever without it: the busiest second then is several times the mean. With it they are
  spread evenly after a few polls.
- **An outage is not followed by a storm.** Attempts become rarer while it lasts, each lane of each agent waits
  for up to a minute of its own choice, and what is owed is sent once. Where the platform announces its return
  with \`Retry-After\`, every agent is told the same moment: it comes back a little later than that, by chance.

## How it was simulated

The agents are loops: the daemon's own Loop class, rate budget and retry policy, with the daemon's intervals and
priorities, and nothing behind them but a platform that counts. Ten thousand whole daemons would need more memory
than a machine to work on has. What the loops leave out was measured beside them: whole agents with real ledgers,
workers and clients against the platform simulator, through the same hour; the last two rows compare them.
Each agent also owes one report when the outage begins. Calls take no time, timers are rounded to 5 ms.
`,
  );
}
