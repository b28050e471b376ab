import { z } from 'zod';
import type { AcmeDnsCredentials } from './caddy-config.ts';
import { GatewayError } from './port.ts';

const account = z.object({
  dc_id: z.string().optional(),
  server_url: z.url({ protocol: /^https?$/ }),
  username: z.string().min(1),
  password: z.string().min(1),
  subdomain: z.string().min(1),
});

/** The account as it is kept, with the id that it was registered for; files of earlier versions do not say it. */
export interface KeptAccount extends AcmeDnsCredentials {
  readonly dcId?: string;
}

/** Reads the account for certificates. Throws GatewayError, without a piece of the file in its text. */
export function parseAcmeDns(text: string, file: string): KeptAccount {
  const parsed = account.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new GatewayError('config', `${file} is no acme-dns account; dc-agent setup gateway writes a new one`);
  }
  const { dc_id: dcId, server_url: serverUrl, username, password, subdomain } = parsed.data;
  return { ...(dcId === undefined ? {} : { dcId }), serverUrl, username, password, subdomain };
}

export function renderAcmeDns({ dcId, serverUrl, username, password, subdomain }: KeptAccount): string {
  return `${JSON.stringify({ dc_id: dcId, server_url: serverUrl, username, password, subdomain }, undefined, 2)}\n`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its message would quote the file.
    return undefined;
  }
}
