import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const statusCommand: Command = {
  name: 'status',
  summary: 'show what the agent is doing',
  description:
    'Asks the running agent over its local socket. When none is running, shows what the ledger knows and says so.',
  options: [
    { flags: '--json', description: 'print the status document as JSON' },
    { flags: '--watch', description: 'show it again whenever something changes, until Ctrl-C' },
  ],
  examples: [
    { line: 'dc-agent status', explains: 'Platform, targets, contracts, and what waits for you.' },
    { line: 'dc-agent status --json | jq .platform', explains: 'One part, for a script.' },
  ],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/status.ts')).status,
};
