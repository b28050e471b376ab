import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { RouteData } from '../lifecycle/index.ts';
import { Failure } from './failure.ts';

const port = z.int().min(1).max(65_535);
const allocation = z
  .object({ base: port, count: port, contract_id: z.string() })
  .refine(({ base, count }) => base + count - 1 <= 65_535, { error: 'goes beyond the last port' });
const file = z.object({ allocations: z.record(z.string(), z.unknown()) });

/** What the reference agent noted of ports: routes by contract, and how many of its entries make no sense. */
export interface PortAllocations {
  readonly routes: ReadonlyMap<string, RouteData>;
  readonly unreadable: number;
}

/** Reads the reference agent's `port-allocations.json`. One that is absent holds nothing; throws Failure for one that is none. */
export async function readPortAllocations(path: string): Promise<PortAllocations> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { routes: new Map(), unreadable: 0 };
    throw new Failure({ what: `${path} cannot be read`, next: 'Run the command as root.', cause: error });
  }
  return parse(text, path);
}

function parse(text: string, path: string): PortAllocations {
  const routes = new Map<string, RouteData>();
  let unreadable = 0;
  for (const [slug, value] of Object.entries(entriesOf(text, path))) {
    const read = allocation.safeParse(value);
    if (!read.success || !/^[a-z0-9]{6}$/.test(slug)) unreadable++;
    else routes.set(read.data.contract_id, { slug, firstPort: read.data.base, portCount: read.data.count });
  }
  return { routes, unreadable };
}

function entriesOf(text: string, path: string): Record<string, unknown> {
  try {
    return file.parse(JSON.parse(text)).allocations;
  } catch (cause) {
    throw new Failure({
      what: `${path} is not a list of port allocations of the reference agent`,
      next: 'Take it away, or set gateway.port_allocations_path; machines are then adopted without ports.',
      cause,
    });
  }
}
