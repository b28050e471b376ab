import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const netdCommand: Command = {
  name: 'netd',
  summary: 'run the network helper',
  description:
    'Runs the small helper that alone may change this host’s packet rules (CAP_NET_ADMIN), until SIGTERM; systemd starts it as ' +
    'dc-agent-netd. It takes routes from the agent and goes by [gateway] of the configuration file, which only root may be able to ' +
    'change. It reads nothing else of that file.',
  options: [{ flags: '--log-level <level>', description: 'debug, info, warn or error', default: 'info' }],
  examples: [{ line: 'dc-agent netd', explains: 'What systemd runs.' }],
  exits: [EXIT.failed, EXIT.config],
  hidden: true,
  load: async () => (await import('../handlers/netd.ts')).netd,
};
