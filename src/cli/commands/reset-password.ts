import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const resetPasswordCommand: Command = {
  name: 'reset-password',
  summary: 'give a tenant’s machine a new password',
  description:
    'The running agent makes a random password, sets it inside the machine, and hands it to the platform, which encrypts it for ' +
    'the tenant. It is never shown, and never on a command line. With --seal-for, or where the contract names its tenant’s key ' +
    '(`tenant_pubkey`), the agent seals it itself, and the clear text never leaves the host: see docs/passwords.md. Backends that ' +
    'cannot set passwords refuse.',
  operands: [{ name: 'contract', description: 'contract id, or the beginning of one', takes: 'one' }],
  options: [
    {
      flags: '--seal-for <pubkey>',
      description: 'the tenant’s Ed25519 public key, 64 hex digits: only its owner can read the password',
    },
  ],
  examples: [{ line: 'dc-agent reset-password 3fa9', explains: 'When the tenant asked you instead of the platform.' }],
  exits: [EXIT.failed, EXIT.notRunning, EXIT.config],
  load: async () => (await import('../handlers/actions.ts')).resetPassword,
};
