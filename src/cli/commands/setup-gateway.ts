import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const setupGatewayCommand: Command = {
  name: 'setup gateway',
  summary: 'let machines behind this host’s address be reached from outside',
  description:
    'Makes this host the gateway of its machines: a helper that alone may change the network (dc-agent-netd), forwarding, and, ' +
    'without --no-web, a Caddy of its own for names and HTTPS, with this host’s account for certificates on the platform. Writes ' +
    'what is missing into [gateway] of the configuration and restarts the agent’s service where there is one. Installs the ' +
    'packages nftables and caddy where they are missing. Ends with what doctor finds. Run it again at any time: it changes what ' +
    'is not as it should be. Needs root and systemd; docs/gateway.md tells what it does to the network.',
  options: [
    { flags: '--public-ip <address>', description: 'the IPv4 address that tenants reach this host under' },
    {
      flags: '--dc-id <name>',
      description: 'this host’s own part of the machines’ names; default: made of the agent key',
    },
    { flags: '--tenant-network <network>', description: 'the private network of the machines; default: 10.77.0.0/16' },
    {
      flags: '--bridge <interface>',
      description: 'a bridge on which there are machines and nothing else',
      repeated: true,
    },
    { flags: '--no-web', description: 'no HTTPS, no Caddy' },
    { flags: '--certificates <kind>', description: 'acme-dns, or internal for trying things out; default: acme-dns' },
    { flags: '--files <directory>', description: 'where the units are, when they are not in the program’s package' },
    { flags: '--dry-run', description: 'print every file and command, and change nothing' },
    {
      flags: '--undo',
      description: 'take back exactly what this command did; refused while machines are reached through it',
    },
    { flags: '--force', description: 'with --undo: also when tenants lose their ports' },
  ],
  examples: [
    { line: 'dc-agent setup gateway --dry-run', explains: 'See what it would do.' },
    { line: 'dc-agent setup gateway --bridge vmbr1', explains: 'The machines are on vmbr1.' },
    { line: 'dc-agent setup gateway --public-ip 203.0.113.10 --no-web', explains: 'Behind a router, ports only.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/setup-gateway.ts')).setupGateway,
};
