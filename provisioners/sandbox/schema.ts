import { isAbsolute } from 'node:path';
import { z } from 'zod';

/** The target's settings. */
export const sandboxSettings = z
  .strictObject({
    socket_path: z
      .string()
      .refine(isAbsolute, 'expected an absolute path')
      .describe('Unix socket of a running sandbox (start one with `dc-agent dev sandbox`).'),
    request_timeout_seconds: z
      .number()
      .positive()
      .max(600)
      .default(10)
      .describe('How long one call to the sandbox may take.'),
    start_timeout_seconds: z
      .number()
      .positive()
      .max(3600)
      .default(120)
      .describe(
        'How long a machine may take to be made, to start or to be deleted before the attempt counts as failed.',
      ),
    stop_timeout_seconds: z
      .number()
      .positive()
      .max(3600)
      .default(60)
      .describe('How long a machine may take to power off before the attempt counts as failed.'),
    scripts: z
      .enum(['backend', 'ssh'])
      .default('backend')
      .describe(
        'How scripts get into a machine. backend: the sandbox runs them itself. ssh: machines take cloud-init documents, and the agent logs in.',
      ),
    default_cpu_cores: z.number().positive().max(1024).default(1).describe('Cores where the offering names none.'),
    default_memory_mb: z.number().int().positive().default(512).describe('Memory where the offering names none.'),
    default_storage_gb: z.number().int().positive().default(10).describe('Disk where the offering names none.'),
  })
  .describe('A sandbox: simulated machines behind a real SSH server, for trials and demonstrations only.');

export type SandboxSettings = z.infer<typeof sandboxSettings>;

/** One machine as the sandbox tells it: only what is used, unknown states tolerated. */
export const machine = z.object({
  id: z.string().min(1).max(100),
  uid: z.string().min(1).max(100),
  labels: z.record(z.string(), z.string()),
  state: z.string(),
  failure: z.string().nullish(),
  authorized_keys: z.array(z.string()),
  ssh: z.object({ host: z.string(), port: z.number().int().min(1).max(65_535) }).nullish(),
  /** How its cloud-init stands; null without one. */
  cloud_init: z.enum(['running', 'done', 'failed']).nullish().catch(null),
  created_at: z.number(),
  uptime_ms: z.number().nonnegative().nullish(),
});

export type Machine = z.infer<typeof machine>;

/** Machines are read one by one, so that a broken entry hides itself only. */
export const machineList = z.object({ complete: z.boolean(), machines: z.array(z.unknown()) });

export const about = z.object({ sandbox: z.literal(true), api: z.number() });

export const inventory = z.object({
  cpu_model: z.string().optional(),
  cpu_cores: z.number().int().nonnegative(),
  cpu_threads: z.number().int().nonnegative(),
  memory_total_mb: z.number().int().nonnegative(),
  memory_free_mb: z.number().int().nonnegative(),
  disk_total_gb: z.number().nonnegative(),
  disk_free_gb: z.number().nonnegative(),
  machines_free: z.number().int().nonnegative(),
});

export const traffic = z.object({
  machines: z.array(
    z.object({
      labels: z.record(z.string(), z.string()),
      bytes_in: z.number().int().nonnegative(),
      bytes_out: z.number().int().nonnegative(),
    }),
  ),
});

/** How a script stands or ended. */
export const scriptState = z.discriminatedUnion('state', [
  z.object({ state: z.literal('running') }),
  z.object({ state: z.literal('cut-off') }),
  z.object({
    state: z.literal('ended'),
    exit: z.number().int().nullable(),
    timed_out: z.boolean(),
    seconds: z.number().nonnegative(),
    output: z.string(),
  }),
]);

export type ScriptState = z.infer<typeof scriptState>;

export const refusal = z.object({ error: z.object({ code: z.string().max(100), message: z.string() }) });
