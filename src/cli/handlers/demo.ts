import type { DemoOptions, Kind } from '../../../simulators/demo/options.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { hearInterrupts } from '../demo/interrupts.ts';
import { renderReport } from '../demo/render.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Colors } from '../io.ts';

export const demo: Handler = async (args, io) => {
  const { MAX_CONTRACTS } = await import('../../../simulators/demo/options.ts');
  const options = readOptions(args, MAX_CONTRACTS);
  const [{ runDemo }, { DemoFailure }] = await Promise.all([
    import('../../../simulators/demo/run.ts'),
    import('../../../simulators/demo/failure.ts'),
  ]);
  const json = flag(args, 'json');
  const interrupts = hearInterrupts(io);
  const print = (to: 'out' | 'err', words: string): void => {
    if (!interrupts.deaf()) io[to](words);
  };
  const program = {
    node: process.execPath,
    argv: [...process.execArgv, process.argv[1] ?? ''],
    env: io.env,
  };
  try {
    const report = await runDemo({
      options,
      program,
      interrupts,
      say: (kind, words) => print(json ? 'err' : 'out', paint(kind, words, io.colors)),
    });
    print('out', json ? JSON.stringify(report, null, 2) : `\n${renderReport(report, io.colors)}`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error;
    const { message: what, details, next, cause } = error;
    throw new Failure({ what, details, cause, ...(next === undefined ? {} : { next }) });
  } finally {
    interrupts.release();
  }
};

function readOptions(args: Args, most: number): DemoOptions {
  const backend = text(args, 'backend');
  if (backend !== undefined && backend !== 'docker' && backend !== 'sandbox') {
    throw usage('--backend takes docker or sandbox');
  }
  const contracts = Number(text(args, 'contracts'));
  if (!Number.isInteger(contracts) || contracts < 1 || contracts > most) {
    throw usage(`--contracts takes a number from 1 to ${most}`);
  }
  return { backend, contracts, keep: flag(args, 'keep') };
}

function usage(what: string): Failure {
  return new Failure({ what, next: 'See the options:', command: 'dc-agent dev demo --help', exit: EXIT.usage });
}

function paint(kind: Kind, words: string, colors: Colors): string {
  switch (kind) {
    case 'chapter':
      return `\n${colors.bold(words)}`;
    case 'command':
      return `  ${colors.cyan(`$ ${words}`)}`;
    case 'note':
      return `  ${colors.dim(words)}`;
    case 'good':
      return `  ${colors.green(words)}`;
    case 'warn':
      return `  ${colors.yellow(words)}`;
    case 'line':
      return words.replaceAll(/^(?=.)/gm, '  ');
    default:
      return words;
  }
}
