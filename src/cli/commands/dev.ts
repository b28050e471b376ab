import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const devPlatformCommand: Command = {
  name: 'dev platform',
  summary: 'start a simulated platform on this host',
  description:
    'A stand-in for the platform on the loopback interface, with a provider, a pool and a setup token, until Ctrl-C. Nothing ' +
    'is kept and nothing real is sold.',
  options: [
    { flags: '--port <port>', description: 'port on 127.0.0.1; a free one when absent' },
    { flags: '--seed-offering <type>', description: 'also make an offering for this provisioner type' },
    { flags: '--json', description: 'print the addresses and keys as JSON' },
  ],
  examples: [
    {
      line: 'dc-agent dev platform --port 8080 --seed-offering docker',
      explains: 'A platform to register with and rent from.',
    },
  ],
  exits: [EXIT.failed],
  load: async () => (await import('../handlers/dev.ts')).platform,
};

export const devSandboxCommand: Command = {
  name: 'dev sandbox',
  summary: 'start a simulated backend on this host',
  description:
    'A make-believe hypervisor on a unix socket whose machines answer SSH on the loopback interface, until Ctrl-C. For ' +
    'targets of type sandbox.',
  options: [
    { flags: '--socket <path>', description: 'the unix socket', default: '/tmp/dc-sandbox.sock' },
    { flags: '--state <file>', description: 'keep the machines in this file, so that they outlive the process' },
    { flags: '--json', description: 'print the address as JSON' },
  ],
  examples: [{ line: 'dc-agent dev sandbox --socket /tmp/sandbox.sock', explains: 'A backend without an engine.' }],
  exits: [EXIT.failed],
  load: async () => (await import('../handlers/dev.ts')).sandbox,
};

export const devProxmoxCommand: Command = {
  name: 'dev proxmox',
  summary: 'start a simulated Proxmox VE host',
  description:
    'Answers on 127.0.0.1 as pveproxy does, with TLS, tokens, rights, tasks and locks, in real time; its machines are make-believe, ' +
    'and let the tenant’s key in by an SSH server in this process. Prints the lines that make it a target of an agent, and what an ' +
    'administrator logs in with. Everything is forgotten at the end.',
  operands: [],
  options: [
    { flags: '--port <number>', description: 'TCP port on 127.0.0.1; default: a free one' },
    { flags: '--version <8.4|9.1>', description: 'which release is played; default: 9.1' },
    { flags: '--json', description: 'what was started as one JSON line' },
  ],
  examples: [
    { line: 'dc-agent dev proxmox', explains: 'A host to set the agent up on.' },
    { line: 'dc-agent dev proxmox --version 8.4 --port 8006', explains: 'The older release, at the usual port.' },
  ],
  exits: [EXIT.ok, EXIT.failed, EXIT.usage],
  load: async () => (await import('../handlers/dev.ts')).proxmox,
};

export const devVultrCommand: Command = {
  name: 'dev vultr',
  summary: 'start a simulated Vultr account',
  description:
    'Answers on 127.0.0.1 as the Vultr API does, in real time; its instances are make-believe and cost nothing. With --ssh-port they ' +
    'let the tenant’s key in, at addresses of 127.78.0.0/16. Prints the lines that make it a target of an agent. Everything is ' +
    'forgotten at the end.',
  operands: [],
  options: [
    { flags: '--port <number>', description: 'TCP port on 127.0.0.1; default: a free one' },
    { flags: '--ssh-port <number>', description: 'where instances answer SSH; 22 needs root. Default: they do not' },
    { flags: '--json', description: 'what was started as one JSON line' },
  ],
  examples: [{ line: 'dc-agent dev vultr --ssh-port 22', explains: 'An account whose instances can be logged in to.' }],
  exits: [EXIT.ok, EXIT.failed, EXIT.usage],
  load: async () => (await import('../handlers/dev.ts')).vultr,
};

export const devHetznerCommand: Command = {
  name: 'dev hetzner',
  summary: 'start a simulated Hetzner Cloud project',
  description:
    'Answers on 127.0.0.1 as the API does, with actions that take time, request limits, stock and pages, in real time; its servers are ' +
    'make-believe and cost nothing. With --ssh-port they let the tenant’s key in by SSH servers on addresses of 127.77.0.0/16. Prints ' +
    'the lines that make it a target of an agent, and the call that sets an agent up with it. Everything is forgotten at the end.',
  options: [
    { flags: '--port <number>', description: 'TCP port on 127.0.0.1; default: a free one' },
    {
      flags: '--ssh-port <number>',
      description: 'where the servers answer SSH; 22 is what tenants are told, and needs root',
    },
    { flags: '--json', description: 'what was started as one JSON line' },
  ],
  examples: [
    { line: 'dc-agent dev hetzner', explains: 'A project to try setup hetzner on.' },
    { line: 'sudo dc-agent dev hetzner --ssh-port 22', explains: 'The same, with servers that can be logged in to.' },
  ],
  exits: [EXIT.ok, EXIT.failed, EXIT.usage],
  load: async () => (await import('../handlers/dev.ts')).hetzner,
};

export const devDigitaloceanCommand: Command = {
  name: 'dev digitalocean',
  summary: 'start a simulated DigitalOcean account',
  description:
    'Answers on 127.0.0.1 as the API does, with tags that come late, actions, request limits and pages, in real time; its droplets ' +
    'are make-believe and cost nothing. With --ssh-port they let the tenant’s key in by SSH servers on addresses of 127.79.0.0/16. ' +
    'Prints the lines that make it a target of an agent. Everything is forgotten at the end.',
  options: [
    { flags: '--port <number>', description: 'TCP port on 127.0.0.1; default: a free one' },
    {
      flags: '--ssh-port <number>',
      description: 'where the droplets answer SSH; 22 is what tenants are told, and needs root',
    },
    { flags: '--json', description: 'what was started as one JSON line' },
  ],
  examples: [
    { line: 'dc-agent dev digitalocean', explains: 'An account to try the plugin on.' },
    {
      line: 'sudo dc-agent dev digitalocean --ssh-port 22',
      explains: 'The same, with droplets that can be logged in to.',
    },
  ],
  exits: [EXIT.ok, EXIT.failed, EXIT.usage],
  load: async () => (await import('../handlers/dev.ts')).digitalocean,
};

export const devDemoCommand: Command = {
  name: 'dev demo',
  summary: 'show a contract become a machine, and end',
  description:
    'Starts a simulated platform and the real agent as a process of its own, registers it with a one-time token, rents with a ' +
    'fresh SSH key, shows what the agent does as it does it, logs in, cancels, shows that the machine is gone, and ends with a ' +
    'table of where the time went. Machines are containers where a Docker engine answers ($DOCKER_HOST, else ' +
    '/var/run/docker.sock), else simulated ones that say so. All files are in a temporary directory. At the end, also after ' +
    'Ctrl-C or a failure, processes, containers, the network and the files are removed; only the log of an agent with which ' +
    'something went wrong is kept, and a machine image that had to be built.',
  options: [
    {
      flags: '--backend <type>',
      description: 'docker or sandbox; Docker where it can be used, else sandbox, when absent',
    },
    { flags: '--contracts <number>', description: 'how many to rent at once, 1 to 100', default: '1' },
    { flags: '--keep', description: 'stay up until Ctrl-C, and print how to log in, look around and end it' },
    {
      flags: '--json',
      description: 'print the figures and what each login saw as JSON; the story goes to standard error',
    },
  ],
  examples: [
    { line: 'dc-agent dev demo', explains: 'One contract, from its rental to the end, in a few seconds.' },
    { line: 'dc-agent dev demo --backend sandbox --contracts 20', explains: 'Twenty at once, without Docker.' },
    { line: 'dc-agent dev demo --keep', explains: 'A running agent and a machine, to look around in.' },
  ],
  exits: [EXIT.failed],
  load: async () => (await import('../handlers/demo.ts')).demo,
};
