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
