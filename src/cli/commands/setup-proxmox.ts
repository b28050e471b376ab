import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const setupProxmoxCommand: Command = {
  name: 'setup proxmox',
  summary: 'prepare a Proxmox VE host or cluster, register, and start selling',
  description:
    'Makes on the cluster what the agent needs (a role with exactly the privileges that this version has for it, a pool, a user ' +
    'without password, a token with rights of its own, templates of cloud images), looks at it all with the new token, registers ' +
    'this host, writes the configuration (mode 0600, the old one is kept) and makes a systemd service of the agent. On a Proxmox ' +
    'host, as root, it needs the setup token only; from elsewhere also an administrator’s login, which is used this once and kept ' +
    'nowhere. Without a terminal everything comes from options. When something fails, what was made is removed again and the setup ' +
    'token is not spent. Run it again at any time: it changes what is not as it should be. What it made is noted beside the ' +
    'configuration, and --undo removes exactly that. docs/proxmox.md tells the whole way, docs/proxmox-rights.md what ' +
    'the agent may do and why.',
  options: [
    { flags: '--api-url <url>', description: 'the Proxmox VE API; on a Proxmox host https://127.0.0.1:8006' },
    { flags: '--login <user>', description: 'the administrator', default: 'root@pam' },
    {
      flags: '--password-file <file>',
      description:
        'a file with his password, or - for standard input; DC_PROXMOX_PASSWORD in the environment does the same',
    },
    { flags: '--admin-token-id <id>', description: 'an administrator’s API token instead: user@realm!name' },
    { flags: '--admin-token-file <file>', description: 'a file with its secret; or DC_PROXMOX_TOKEN_SECRET' },
    { flags: '--fingerprint <sha256>', description: 'believe the certificate with this fingerprint, and no other' },
    {
      flags: '--ca-file <file>',
      description: 'believe certificates of this authority, such as /etc/pve/pve-root-ca.pem',
    },
    { flags: '--node <name>', description: 'the node to make machines on; this host, or the only one there is' },
    { flags: '--storage <id>', description: 'where disks go; the one that clones best when absent' },
    { flags: '--bridge <name>', description: 'the network of machines; vmbr0 when absent' },
    { flags: '--pool <name>', description: 'the resource pool', default: 'dc-agent' },
    { flags: '--role <name>', description: 'the role', default: 'DcAgent' },
    { flags: '--user <user>', description: 'whose token the agent has', default: 'dc-agent@pve' },
    {
      flags: '--image <id>',
      description:
        'debian-13, debian-12, ubuntu-24.04 or rocky-9; the first one is the default for offerings. debian-13 when absent',
      repeated: true,
    },
    {
      flags: '--image-url <url>',
      description: 'an image of your own, or a mirror: qcow2 or raw, with cloud-init in it',
    },
    { flags: '--image-checksum <hex>', description: 'its SHA-256 or SHA-512' },
    { flags: '--image-name <name>', description: 'what offerings call it; custom when absent' },
    { flags: '--image-storage <id>', description: 'where images are downloaded to; a storage of files' },
    {
      flags: '--guest-agent <where>',
      description:
        'where machines have it from: first-boot (cloud-init installs it; only on a Proxmox host, and the default there), image, or none',
    },
    { flags: '--template <vmid>', description: 'use this template; build none' },
    {
      flags: '--addresses <range>',
      description:
        'dhcp, or a network for this agent alone, such as 203.0.113.0/28; dhcp when machines have a guest agent',
    },
    { flags: '--address-first <ip>', description: 'the first address of the network to give away' },
    { flags: '--address-last <ip>', description: 'the last one' },
    { flags: '--gateway <ip>', description: 'the network’s router; its first address when absent' },
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
    { flags: '--location <location>', description: 'where this host is: europe, na, latam, apac, mena, ssa or cis' },
    { flags: '--provider-pubkey <hex>', description: 'finish a registration whose answer was lost' },
    { flags: '--output <file>', description: 'the configuration to write; --config when absent' },
    { flags: '--target <name>', description: 'what to call the target', default: 'proxmox' },
    { flags: '--key-dir <directory>', description: 'where agent.key and agent.pub are; ~/.dc-agent when absent' },
    { flags: '--state-dir <directory>', description: 'state_dir of the configuration' },
    { flags: '--no-service', description: 'make no systemd service' },
    { flags: '--test-provision', description: 'at the end make one machine, log in to it, and remove it' },
    { flags: '--dry-run', description: 'print every call and file, and change nothing' },
    { flags: '--undo', description: 'remove what this command made; machines stay' },
    { flags: '--repin', description: 'the host has another certificate: look at it, and believe that one' },
    { flags: '--yes', description: 'do not ask before it begins' },
  ],
  examples: [
    {
      line: 'dc-agent setup proxmox',
      explains: 'On a Proxmox host, as root: asks for the setup token, shows what it will do, does it.',
    },
    {
      line: 'dc-agent setup proxmox --api-url https://pve.example.org:8006 --addresses 203.0.113.0/28 --dry-run',
      explains: 'See from elsewhere what would be done.',
    },
    {
      line: 'dc-agent setup proxmox --token - --image debian-13 --image ubuntu-24.04 --yes --test-provision < token.txt',
      explains: 'Without questions, and with a test at the end.',
    },
    { line: 'dc-agent setup proxmox --undo', explains: 'Remove token, user, role, pool and templates again.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/setup-proxmox.ts')).setupProxmox,
};
