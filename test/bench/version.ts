import { bareNodeMs } from './bare-node.ts';
import { type Bench, type Findings, median, type Scope } from './figure.ts';

export const version: Bench = {
  name: 'version',
  about: 'dc-agent --version beside the bare runtime, one after the other in turns.',
  run: measure,
};

async function measure(scope: Scope): Promise<Findings> {
  const program = await scope.program();
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < (scope.quick ? 5 : 25); round++) {
    bare.push(bareNodeMs(['-e', '0']));
    ours.push(bareNodeMs([program, '--version']));
  }
  return {
    figures: [
      {
        what: 'dc-agent --version, median',
        value: median(ours),
        unit: 'ms',
        against: { what: 'node -e 0', value: median(bare) },
        promise: { of: 'ratio', atMost: 2 },
      },
    ],
  };
}
