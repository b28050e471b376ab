import { bareNodeMs } from './bare-node.ts';
import type { Bench, Findings, Scope } from './figure.ts';
import { median } from './figure.ts';
import { inPlace } from './place.ts';
import { type Host, openHost } from './program.ts';

export const start: Bench = {
  name: 'start',
  about: 'From the start of the process to its first heartbeat at the platform.',
  run: (scope) => inPlace((directory, closing) => measure(scope, directory, closing)),
};

async function measure(scope: Scope, directory: string, closing: (() => Promise<unknown>)[]): Promise<Findings> {
  const host = await openHost(await scope.program(), directory, closing);
  const started: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < (scope.quick ? 3 : 9); round++) {
    bare.push(bareNodeMs(['-e', '0']));
    started.push(await toFirstBeat(host));
  }
  return {
    figures: [
      {
        what: 'process start to first heartbeat, median',
        value: median(started),
        unit: 'ms',
        against: { what: 'node -e 0', value: median(bare) },
        promise: { of: 'value', atMost: 1_500 },
      },
    ],
  };
}

async function toFirstBeat(host: Host): Promise<number> {
  const begun = performance.now();
  const child = host.run();
  const beat = await new Promise<number | undefined>((resolve) => {
    const stop = host.market.platform.onExchange(({ outcome }) => {
      if (outcome.route !== 'heartbeat') return;
      stop();
      resolve(performance.now());
    });
    void child.ended.then(() => resolve(undefined));
  });
  if (beat === undefined) throw new Error(`the program ended: ${child.out()}${child.err()}`);
  child.signal('SIGTERM');
  await child.ended;
  return beat - begun;
}
