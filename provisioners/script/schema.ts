import { isAbsolute } from 'node:path';
import { z } from 'zod';

const executable = z
  .string()
  .refine((path) => isAbsolute(path) && !path.includes('\0'), { error: 'expected an absolute path' });

/** The target's table in the configuration file. */
export const scriptSettings = z
  .strictObject({
    provision: executable.describe(
      'Executable that makes a machine and answers get_instance. Absolute path, run without arguments.',
    ),
    terminate: executable.describe('Executable that removes a machine for good.'),
    health_check: executable.describe('Executable that tells whether a machine is healthy.'),
    list: executable
      .optional()
      .describe(
        'Executable that lists every machine made for this agent. Strongly advised: without it a lost answer cannot be looked up.',
      ),
    start: executable.optional().describe('Executable that powers a machine on. Absent: not supported.'),
    stop: executable
      .optional()
      .describe('Executable that powers a machine off and keeps its disk. Absent: not supported.'),
    timeout_seconds: z
      .number()
      .int()
      .min(1)
      .max(86_400)
      .default(300)
      .describe('Time limit of one run; then the script and all that it started is killed.'),
    ready_check: z
      .enum(['backend', 'ssh'])
      .default('backend')
      .describe(
        '"backend": a machine is ready when provision says so. "ssh": the agent also waits until it accepts the key.',
      ),
    ssh_user: z
      .string()
      .regex(/^[a-z_][a-z0-9_.-]{0,31}$/, { error: 'expected a user name' })
      .default('root')
      .describe('The user as whom tenants log in.'),
    static_addresses: z
      .boolean()
      .default(false)
      .describe(
        'Whether provision gives the machine the "address" of its order: one of [gateway] tenant_network that the agent chose. Without it the address is the one that the executables tell.',
      ),
    cloud_init: z
      .boolean()
      .default(false)
      .describe(
        'Whether provision hands the documents of its order ("cloud_init") to cloud-init in the machine. Then offerings may have cloud-init documents, and machines show a host key that the agent made.',
      ),
    nameservers: z
      .array(z.union([z.ipv4(), z.ipv6()], { error: 'expected an IPv4 or IPv6 address' }))
      .max(8)
      .default([])
      .describe(
        'Whom machines with the address of their order ask for names, where cloud_init is true: nothing else tells them.',
      ),
    forward_env: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of an environment variable' }))
      .default([])
      .describe('Names of environment variables that the scripts may see besides PATH, HOME, LANG and TZ.'),
  })
  .describe('Executables of your own, which make machines in whatever way they like.');

export type ScriptSettings = z.output<typeof scriptSettings>;
