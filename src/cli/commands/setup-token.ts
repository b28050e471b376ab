import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const setupTokenCommand: Command = {
  name: 'setup token',
  summary: 'register this host with a one-time setup token',
  description:
    'Makes an agent key where there is none, registers it with the token from the pool’s page, and writes the configuration ' +
    '(mode 0600). Everything that can fail on this host is tried before the token is spent. If the answer is lost, the ' +
    'platform is asked whether the registration happened, and the way on is shown. A pool’s page shows tokens as ' +
    'apt_<location>_<digits>; they work once, for 24 hours.',
  options: [
    { flags: '--token <token>', description: 'the setup token; or - to read it from standard input' },
    { flags: '--api-url <url>', description: 'the platform', default: 'https://api.decent-cloud.org' },
    {
      flags: '--output <file>',
      description: 'the configuration to write; --config, which is the default place, when absent',
    },
    { flags: '--force', description: 'replace an existing configuration; the old one is kept beside it' },
    { flags: '--provisioner <type>', description: 'the backend of the first target: docker, script, sandbox, …' },
    { flags: '--target <name>', description: 'what to call the first target; its type when absent' },
    {
      flags: '--set <key=value>',
      description: 'a setting of that backend, as in the configuration; key=@/path reads a secret from a file',
      repeated: true,
    },
    { flags: '--key-dir <directory>', description: 'where agent.key and agent.pub are; ~/.dc-agent when absent' },
    { flags: '--state-dir <directory>', description: 'state_dir of the configuration' },
    {
      flags: '--provider-pubkey <hex>',
      description: 'finish a registration whose answer was lost: needs no token, asks the platform instead',
    },
  ],
  examples: [
    {
      line: 'dc-agent setup token --token apt_europe_0123456789abcdef --provisioner docker',
      explains: 'Register, and serve contracts with the local Docker engine.',
    },
    {
      line: 'dc-agent setup token --token - --provisioner script --set provision=/opt/vm/provision --set terminate=/opt/vm/terminate --set health_check=/opt/vm/health < token.txt',
      explains: 'Keep the token out of the process list; serve contracts with your own programs.',
    },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/setup-token.ts')).setupToken,
};
