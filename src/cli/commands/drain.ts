import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const drainCommand: Command = {
  name: 'drain',
  summary: 'take no new contracts, finish what is under way',
  description:
    'For maintenance: the agent takes nothing new, finishes what it began, and keeps looking after its machines, which all ' +
    'stay. It lasts until `dc-agent resume`, also when the agent or the host is started again.',
  options: [{ flags: '--wait', description: 'return only when nothing is under way any more' }],
  examples: [{ line: 'dc-agent drain --wait', explains: 'Return when the host is quiet.' }],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/actions.ts')).drain,
};

export const resumeCommand: Command = {
  name: 'resume',
  summary: 'take new contracts again',
  description: 'Ends `dc-agent drain`.',
  examples: [{ line: 'dc-agent resume', explains: 'Back to work.' }],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/actions.ts')).resume,
};
