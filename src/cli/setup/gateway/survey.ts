import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import { mustRun, type ServiceHost } from '../service/host.ts';
import { ownerOf } from '../service/steps.ts';

/** What of this host the gateway depends on. */
export interface GatewayFacts {
  /** IPv4 addresses of all interfaces, each with its network. */
  readonly addresses: readonly { readonly address: string; readonly network: string }[];
  readonly hasNft: boolean;
  readonly hasCaddy: boolean;
  /** Of the two ports that Caddy needs: where somebody listens who is not ours. */
  readonly portsTaken: readonly number[];
}

const links = z.array(
  z.object({ addr_info: z.array(z.object({ family: z.string(), local: z.string(), prefixlen: z.int() })) }),
);

export async function survey(host: ServiceHost): Promise<GatewayFacts> {
  const [shown, listening, ours] = await Promise.all([
    host.run(['ip', '-json', 'address', 'show']),
    mustRun(host, ['ss', '--no-header', '--listening', '--tcp', '--numeric']),
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
    portsTaken: ours.code === 0 ? [] : [443, 80].filter((port) => listensAt(listening, port)),
  };
}

/** The fourth column is the local address. */
function listensAt(shown: string, port: number): boolean {
  return shown.split('\n').some((line) => line.trim().split(/\s+/)[3]?.endsWith(`:${port}`) === true);
}

async function isThere(host: ServiceHost, path: string): Promise<boolean> {
  return (await ownerOf(join(host.root, path))) !== undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, and the caller says what to look at.
    return undefined;
  }
}
