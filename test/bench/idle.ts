import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench, Findings, Scope } from './figure.ts';
import { inPlace } from './place.ts';
import { processorMs, residentMb } from './processor.ts';
import { openHost } from './program.ts';
import { watch } from './watch.ts';

export const idle: Bench = {
  name: 'idle',
  about: 'The shipped program with nothing to do, as its own process against HTTP simulators.',
  run: (scope) => inPlace((directory, closing) => measure(scope, directory, closing)),
};

async function measure(scope: Scope, directory: string, closing: (() => Promise<unknown>)[]): Promise<Findings> {
  const host = await openHost(await scope.program(), directory, closing);
  const watching = watch(host.market.platform);
  const { pid } = host.run();
  // Started up, and the first polls behind it.
  while (watching.polls.length < 3) await pause(100);
  const seconds = scope.quick ? 10 : 60;
  scope.progress(`${seconds} s of nothing`);
  const before = await processorMs(pid);
  const begun = performance.now();
  await pause(seconds * 1_000);
  const busy = ((await processorMs(pid)) - before) / (performance.now() - begun);
  return {
    figures: [
      {
        what: 'resident memory',
        value: await residentMb(pid),
        unit: 'MB',
        against: { what: 'node that waits', value: await bareNode() },
        promise: { of: 'value', atMost: 90 },
      },
      {
        what: 'share of one core',
        value: busy * 100,
        unit: '%',
        against: { what: 'one core', value: 100 },
        promise: { of: 'value', atMost: 1 },
      },
    ],
  };
}

async function bareNode(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  const resident = await residentMb(child.pid ?? 0);
  child.kill('SIGKILL');
  await once(child, 'close');
  return resident;
}
