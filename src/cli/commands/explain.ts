import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'tell the story of one contract',
  description:
    'Reads the ledger and shows what happened to a contract, when, why, and what it waits for now. Works whether the agent ' +
    'runs or not.',
  operands: [{ name: 'contract', description: 'contract id, or the beginning of one', takes: 'one' }],
  options: [{ flags: '--json', description: 'print the time line as JSON' }],
  examples: [{ line: 'dc-agent explain 3fa9', explains: 'The contract whose id begins with 3fa9.' }],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/explain.ts')).explainContract,
};
