import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const approveCommand: Command = {
  name: 'approve',
  summary: 'release stops and removals that the agent holds back',
  description:
    'When the platform asks for more machines to be stopped or removed at once than breaker_max_count or breaker_max_share ' +
    'allow, the agent holds the actions back until the request is confirmed. This confirms it. `dc-agent status` shows what ' +
    'is held.',
  operands: [
    { name: 'contract', description: 'contract ids, or the beginnings of them; none with --all', takes: 'many' },
  ],
  options: [{ flags: '--all', description: 'everything that is held back' }],
  examples: [
    { line: 'dc-agent approve 3fa9 77c0', explains: 'Only these two.' },
    { line: 'dc-agent approve --all', explains: 'All of them.' },
  ],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/actions.ts')).approve,
};
