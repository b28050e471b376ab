import { z } from 'zod';
import { count, flag, maybe, text } from './wire-scalars.ts';

/** What the guest agent says comes from inside the tenant's machine: believe nothing of it that matters. */
export const interfaces = z
  .object({
    result: z.array(
      z.object({
        name: text,
        'hardware-address': maybe(text),
        'ip-addresses': maybe(
          z.array(z.object({ 'ip-address': text, 'ip-address-type': maybe(text), prefix: maybe(count) })),
        ),
      }),
    ),
  })
  .transform(({ result }) =>
    result.map((nic) => ({
      name: nic.name,
      mac: nic['hardware-address']?.toLowerCase(),
      addresses: (nic['ip-addresses'] ?? []).map((ip) => ({ address: ip['ip-address'], prefix: ip.prefix })),
    })),
  );
export type GuestInterface = z.infer<typeof interfaces>[number];

export const execStarted = z.object({ pid: count });

export const execStatus = z
  .object({
    exited: flag,
    exitcode: maybe(count),
    signal: maybe(count),
    'out-data': maybe(text),
    'err-data': maybe(text),
    'out-truncated': flag,
    'err-truncated': flag,
  })
  .transform((raw) => ({
    exited: raw.exited,
    exitCode: raw.exitcode,
    signal: raw.signal,
    stdout: raw['out-data'] ?? '',
    stderr: raw['err-data'] ?? '',
    truncated: raw['out-truncated'] || raw['err-truncated'],
  }));
export type GuestExecStatus = z.infer<typeof execStatus>;

export const fileRead = z
  .object({ content: text, truncated: flag })
  .transform(({ content, truncated }) => ({ content, truncated }));

export const osInfo = z
  .object({
    result: z.object({ id: maybe(text), name: maybe(text), 'pretty-name': maybe(text), 'version-id': maybe(text) }),
  })
  .transform(({ result }) => ({
    id: result.id,
    name: result['pretty-name'] ?? result.name,
    version: result['version-id'],
  }));
export type GuestOs = z.infer<typeof osInfo>;
