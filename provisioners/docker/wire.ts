import { z } from 'zod';

/**
 * What the engine answers, as far as it is used. Unknown fields and values are tolerated: engines from 1.41 to today's API
 * differ in what they leave out, so only what the plugin cannot do without is required.
 */
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((v) => v ?? {});
export const listedContainer = z.object({
  Id: z.string().min(1),
  State: z.string(),
  Labels: labels,
  Ports: z
    .array(z.looseObject({ PublicPort: z.number().optional() }))
    .nullish()
    .transform((v) => v ?? []),
});
export type ListedContainer = z.infer<typeof listedContainer>;

export const containerList = z.array(z.unknown());

export const inspectedContainer = z.object({
  Id: z.string().min(1),
  Name: z.string(),
  State: z.looseObject({
    Status: z.string(),
    ExitCode: z.number().optional(),
    OOMKilled: z.boolean().optional(),
    StartedAt: z.string().optional(),
    Health: z.looseObject({ Status: z.string().optional() }).nullish(),
  }),
  Config: z.looseObject({ Labels: labels }),
});
export type InspectedContainer = z.infer<typeof inspectedContainer>;

export const inspectedImage = z.object({
  Config: z
    .looseObject({
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      Labels: labels.nullish(),
    })
    .nullish()
    .transform((v) => v ?? {}),
});
export type InspectedImage = z.infer<typeof inspectedImage>;

export const engineInfo = z.looseObject({
  NCPU: z.number().int().positive(),
  MemTotal: z.number().positive(),
  Driver: z.string(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
  DockerRootDir: z.string(),
  ServerVersion: z.string().optional(),
  MemoryLimit: z.boolean().optional(),
  PidsLimit: z.boolean().optional(),
  CpuCfsQuota: z.boolean().optional(),
  IPv4Forwarding: z.boolean().optional(),
  SecurityOptions: z.array(z.string()).nullish(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
});
export type EngineInfo = z.infer<typeof engineInfo>;

export const created = z.object({ Id: z.string().min(1) });

export const network = z.looseObject({
  Name: z.string(),
  Labels: labels,
  Options: z
    .record(z.string(), z.string())
    .nullish()
    .transform((v) => v ?? {}),
});

export const stats = z.looseObject({
  read: z.string().optional(),
  networks: z
    .record(z.string(), z.looseObject({ rx_bytes: z.number(), tx_bytes: z.number() }))
    .nullish()
    .transform((v) => v ?? {}),
});

/** The id goes into the path of further calls. */
export const createdExec = z.object({ Id: z.string().regex(/^[0-9a-f]{64}$/) });

/** A process that was never started has no exit code, nor has one that still runs. */
export const inspectedExec = z.looseObject({ Running: z.boolean(), ExitCode: z.number().int().nullish() });

/** One line of the stream that a pull answers with. */
export const pullProgress = z.looseObject({
  error: z.string().optional(),
  errorDetail: z.looseObject({ message: z.string().optional() }).optional(),
});

export const event = z.looseObject({
  Type: z.string(),
  Action: z.string(),
  Actor: z.looseObject({
    ID: z.string(),
    Attributes: z.record(z.string(), z.string()),
  }),
});
