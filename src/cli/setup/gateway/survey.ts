import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { ServiceHost } from '../service/host.ts';

/** What of this host the gateway depends on. */
export interface GatewayFacts {
  /** IPv4 addresses of all interfaces, each with its network. */
  readonly addresses: readonly { readonly address: string; readonly network: string }[];
  readonly hasNft: boolean;
  readonly hasCaddy: boolean;
  /** Whether something listens for HTTPS that is not ours. */
  readonly portTaken: boolean;
}

const links = z.array(
  z.object({ addr_info: z.array(z.object({ family: z.string(), local: z.string(), prefixlen: z.int() })) }),
);

export async function survey(host: ServiceHost): Promise<GatewayFacts> {
  const [shown, listening, ours] = await Promise.all([
    host.run(['ip', '-json', 'address', 'show']),
    host.run(['ss', '--no-header', '--listening', '--tcp', '--numeric', 'sport = :443']),
    host.run(['systemctl', 'is-active', '--quiet', 'dc-agent-caddy.service']),
  ]);
  const parsed = links.safeParse(parseJson(shown.stdout));
  if (!parsed.success) {
    throw new Failure({
      what: 'the addresses of this host cannot be read',
      next: 'Look what this prints (package iproute2):',
      command: 'ip -json address show',
    });
  }
  const addresses = parsed.data
    .flatMap((link) => link.addr_info)
    .filter(({ family }) => family === 'inet')
    .map(({ local, prefixlen }) => ({ address: local, network: `${local}/${prefixlen}` }));
  return {
    addresses,
    hasNft: await isThere(host, 'usr/sbin/nft'),
    hasCaddy: await isThere(host, 'usr/bin/caddy'),
    portTaken: listening.stdout.trim() !== '' && ours.code !== 0,
  };
}

async function isThere(host: ServiceHost, path: string): Promise<boolean> {
  return stat(join(host.root, path)).then(
    () => true,
    () => false,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, and the caller says what to look at.
    return undefined;
  }
}
