import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const testProvisionCommand: Command = {
  name: 'test-provision',
  summary: 'make one machine on a target, log what happens, remove it',
  description:
    'Goes the way of a contract on one target: make the machine, wait until it is usable, remove it. The platform takes no ' +
    'part, and the machine carries an owner stamp of its own, so that a running agent leaves it alone. It is removed at the ' +
    'end, also after a failure or Ctrl-C; each run is noted in the state directory first, so that what a killed run leaves ' +
    'behind can be removed with --cleanup. On a cloud account it costs money for a moment.',
  options: [
    { flags: '--target <name>', description: 'the target; the default target when absent' },
    { flags: '--ssh-pubkey <key>', description: 'the key to put into the machine, or a file with it' },
    { flags: '--keep', description: 'leave the machine running; needs --ssh-pubkey' },
    { flags: '--cpu <cores>', description: 'processor cores', default: '1' },
    { flags: '--memory <MiB>', description: 'memory', default: '512' },
    { flags: '--disk <GiB>', description: 'disk; the backend’s default when absent' },
    {
      flags: '--test-gateway',
      description: 'also give it ports at this host, and prove that they lead to it; the agent must not run',
    },
    { flags: '--skip-dns', description: 'with --test-gateway: ask the platform for no DNS name' },
    { flags: '--timeout <seconds>', description: 'how long making it may take', default: '600' },
    { flags: '--cleanup', description: 'make nothing; remove what earlier runs left behind' },
    { flags: '--json', description: 'print the result as one JSON document' },
  ],
  examples: [
    { line: 'dc-agent test-provision', explains: 'Try the default target.' },
    {
      line: 'dc-agent test-provision --target lab --ssh-pubkey ~/.ssh/id_ed25519.pub --keep',
      explains: 'Make a machine to look around in.',
    },
    { line: 'dc-agent test-provision --cleanup', explains: 'Remove machines of earlier runs, kept ones too.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/test-provision.ts')).testProvision,
};
