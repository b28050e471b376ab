import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import { readIfThere } from '../service/steps.ts';

/** What `setup gateway` has done to this host: enough to take back exactly that. Holds no secret. */
const record = z.object({
  version: z.literal(1),
  /** Files that it wrote: the digest of their contents. */
  files: z.record(z.string(), z.string()),
  /** Lines that it put into the configuration. */
  config: z.object({ file: z.string(), added: z.string() }),
  /** Packages that were not there before. They stay: other programs may use them by now. */
  packages: z.array(z.string()),
  /** Whether forwarding was off before. */
  forwarding: z.enum(['was-on', 'was-off']),
});

export type GatewayRecord = z.infer<typeof record>;

export function gatewayPlaces(root: string) {
  const at = (path: string): string => join(root, path);
  return {
    record: at('etc/dc-agent/setup-gateway.json'),
    acmeDns: at('etc/dc-agent/acme-dns.json'),
    caddyConfig: at('etc/dc-agent/caddy.json'),
    /** Certificates and their keys. */
    caddyState: at('var/lib/dc-agent-caddy'),
    sysctl: at('etc/sysctl.d/99-dc-gateway.conf'),
    units: at('etc/systemd/system'),
    forwarding: at('proc/sys/net/ipv4/ip_forward'),
  } as const;
}

/** Undefined when nothing was set up. Throws Failure when it cannot be read: guessing could remove what is not ours. */
export async function readGatewayRecord(file: string): Promise<GatewayRecord | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const parsed = record.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    what: `${file} is damaged, so what was set up before is not known`,
    next: 'Move the file away, then run the command again; it takes over what it finds unchanged.',
    cause: parsed.error,
  });
}

export function renderGatewayRecord(value: GatewayRecord): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, and the caller says so.
    return undefined;
  }
}
