import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const resetPasswordCommand: Command = {
  name: 'reset-password',
  summary: 'give a tenant’s machine a new password',
  description:
    'The running agent makes a random password, sets it inside the machine, and hands it to the platform, which encrypts it for ' +
    'the tenant. It is never shown, and never on a command line. Backends that cannot set passwords refuse.',
  operands: [{ name: 'contract', description: 'contract id, or the beginning of one', takes: 'one' }],
  options: [],
  examples: [{ line: 'dc-agent reset-password 3fa9', explains: 'When the tenant asked you instead of the platform.' }],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/actions.ts')).resetPassword,
};
