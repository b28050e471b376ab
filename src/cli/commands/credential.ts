import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const credentialCommand: Command = {
  name: 'credential',
  summary: 'show a machine’s password, sealed to its tenant',
  description:
    'Prints the envelope of the latest password that the agent sealed to the tenant’s key, as JSON. Only the owner of that key can ' +
    'open it, with dc-agent dev open-credential or by docs/passwords.md. Passwords that the platform sealed are not here.',
  operands: [{ name: 'contract', description: 'contract id, or the beginning of one', takes: 'one' }],
  examples: [{ line: 'dc-agent credential 3fa9 > envelope.json', explains: 'For sending to the tenant.' }],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/credential.ts')).credential,
};

export const devOpenCredentialCommand: Command = {
  name: 'dev open-credential',
  summary: 'open a sealed password with the tenant’s key',
  description:
    'For tenants and for trying things out: reads an envelope and prints what is in it. The key file holds an Ed25519 seed as 64 hex ' +
    'digits (as agent.key does) or a PKCS#8 PEM. An envelope that was sealed for another contract than --contract is refused.',
  operands: [{ name: 'file', description: 'the envelope, or - for standard input', takes: 'one' }],
  options: [
    { flags: '--key <file>', description: 'the tenant’s secret key', required: true },
    { flags: '--contract <id>', description: 'the whole id of the contract that it should be for' },
  ],
  examples: [
    {
      line: 'dc-agent dev open-credential envelope.json --key ~/.dcc/identity/me/private.pem',
      explains: 'Prints the password.',
    },
  ],
  exits: [EXIT.failed],
  load: async () => (await import('../handlers/credential.ts')).openCredential,
};
