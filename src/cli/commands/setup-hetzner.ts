import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const setupHetznerCommand: Command = {
  name: 'setup hetzner',
  summary: 'set up a Hetzner Cloud project, register, and start selling',
  description:
    'Looks at the project with its API token (may it write, who else uses the project), shows locations and server types with the ' +
    'prices of today, makes a firewall, looks at it all once more as the agent will, registers this host, writes the configuration ' +
    '(mode 0600, the old one is kept) and makes a systemd service of the agent. The API token is read from a file, from standard ' +
    'input, from DC_HETZNER_TOKEN in the environment, or asked for; never from the command line. Without a terminal everything comes ' +
    'from options, and --dry-run alone shows the catalogue. When something fails, what was made is removed again and the setup ' +
    'token is not spent. Run it again at any time: it changes what is not as it should be. What it made is noted beside the ' +
    'configuration, and --undo removes exactly that; machines stay. docs/hetzner.md tells the whole way.',
  options: [
    {
      flags: '--api-token-file <file>',
      description:
        'a file with the API token of the project, or - for standard input; DC_HETZNER_TOKEN in the environment does the same',
    },
    { flags: '--endpoint <url>', description: 'the API', default: 'https://api.hetzner.cloud/v1' },
    {
      flags: '--in <location>',
      description: 'where machines are made, such as fsn1; the preferred one first',
      repeated: true,
    },
    { flags: '--type <name>', description: 'what may be made, such as cx23; the preferred one first', repeated: true },
    { flags: '--image <name>', description: 'the image, or snapshot:NAME; debian-13 when absent and there' },
    {
      flags: '--offering <id>',
      description: 'an offering that this target serves, by the id you gave it',
      repeated: true,
    },
    { flags: '--ipv4 <which>', description: 'own, or none for IPv6 only; own when absent' },
    {
      flags: '--firewall <name>',
      description:
        'the firewall of all machines, made when it is not there; none for no firewall; dc-agent when absent',
    },
    {
      flags: '--firewall-policy <policy>',
      description: 'what a firewall that is made lets in: open, web or ssh; open when absent',
    },
    { flags: '--max-servers <number>', description: 'how many machines at most; 10 when absent' },
    { flags: '--suspend <how>', description: 'what pausing does: poweroff or snapshot; poweroff when absent' },
    { flags: '--shared-project', description: 'the project may hold servers that no agent made' },
    {
      flags: '--set <key=value>',
      description: 'a further setting of the target, as in the configuration',
      repeated: true,
    },
    {
      flags: '--token <token>',
      description:
        'the setup token of the pool’s page, or - for standard input; DC_SETUP_TOKEN in the environment does the same',
    },
    { flags: '--platform-url <url>', description: 'the platform', default: 'https://api.decent-cloud.org' },
    { flags: '--location <location>', description: 'where the pool is: europe, na, latam, apac, mena, ssa or cis' },
    { flags: '--provider-pubkey <hex>', description: 'finish a registration whose answer was lost' },
    { flags: '--output <file>', description: 'the configuration to write; --config when absent' },
    { flags: '--target <name>', description: 'what to call the target; offerings name it', default: 'hcloud' },
    { flags: '--key-dir <directory>', description: 'where agent.key and agent.pub are; ~/.dc-agent when absent' },
    { flags: '--state-dir <directory>', description: 'state_dir of the configuration' },
    { flags: '--no-service', description: 'make no systemd service' },
    {
      flags: '--test-provision',
      description: 'at the end make one machine, log in to it, and remove it: one hour’s price',
    },
    { flags: '--dry-run', description: 'show what there is and what would be done, and change nothing' },
    { flags: '--undo', description: 'remove what this command made; machines stay' },
    { flags: '--yes', description: 'do not ask before it begins' },
  ],
  examples: [
    {
      line: 'dc-agent setup hetzner',
      explains: 'Asks for both tokens, shows locations, types and prices, and does it.',
    },
    {
      line: 'dc-agent setup hetzner --api-token-file hetzner.token --dry-run',
      explains: 'See what can be ordered today, and at what price.',
    },
    {
      line: 'dc-agent setup hetzner --api-token-file hetzner.token --token - --in fsn1 --in nbg1 --type cx23 --offering small-vps --yes < token.txt',
      explains: 'Without questions.',
    },
    { line: 'dc-agent setup hetzner --undo', explains: 'Remove firewall, service and the stored API token again.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/setup-hetzner.ts')).setupHetzner,
};
