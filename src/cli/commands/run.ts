import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const runCommand: Command = {
  name: 'run',
  summary: 'run the agent',
  description:
    'Runs the agent in the foreground until SIGTERM or SIGINT. Logs are JSON lines on standard output; on a terminal they are ' +
    'written for people. Stopping it touches no machine: what is under way is finished or parked, and taken up again at the ' +
    'next start. One agent per state directory.',
  options: [
    { flags: '--log-level <level>', description: 'debug, info, warn or error', default: 'info' },
    { flags: '--log-format <format>', description: 'json, pretty, or auto: pretty on a terminal', default: 'auto' },
  ],
  examples: [
    { line: 'dc-agent run', explains: 'Run with /etc/dc-agent/dc-agent.toml.' },
    {
      line: 'dc-agent --config ./dc-agent.toml run --log-level debug',
      explains: 'Run with another file and say more.',
    },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/run.ts')).run,
};
