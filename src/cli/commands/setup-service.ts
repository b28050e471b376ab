import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const setupServiceCommand: Command = {
  name: 'setup service',
  summary: 'make a systemd service of the agent and start it',
  description:
    'Installs the unit of this package in /etc/systemd/system with a drop-in for this host (which Node and which program, ' +
    'further groups, credentials), makes the user dc-agent, gives it the configuration to read, starts the service at once and ' +
    'at every boot, and waits until it runs. Secrets that only root can read stay where they are: systemd hands them over, and ' +
    'the configuration then names them as { credential = "…" }. Run it again after an upgrade or a change of the ' +
    'configuration: it changes what is not as it should be, and starts the service anew only then. Needs root and systemd.',
  options: [
    { flags: '--dry-run', description: 'print every file and command, and change nothing' },
    {
      flags: '--undo',
      description: 'stop the service and take back exactly what this command did; state, keys, user and machines stay',
    },
    {
      flags: '--group <name>',
      description: 'a further group for the service, such as docker for the engine’s socket; it stays until --undo',
      repeated: true,
    },
    { flags: '--files <directory>', description: 'where dc-agent.service is, when it is not in the program’s package' },
    { flags: '--force', description: 'replace files of the service that somebody has changed' },
  ],
  examples: [
    { line: 'dc-agent setup service --dry-run', explains: 'See what it would do.' },
    { line: 'dc-agent setup service --group docker', explains: 'A service that may use the local Docker engine.' },
    { line: 'dc-agent setup service --undo', explains: 'No service any more; the tenants’ machines run on.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/setup-service.ts')).setupService,
};
