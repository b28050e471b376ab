import type { PluginDeps } from '../../src/provisioner/index.ts';
import { type Budget, createBudget } from './budget.ts';
import type { VultrSettings } from './schema.ts';
import { httpsTransport, type VultrTransport } from './transport.ts';

/** The way to one endpoint, and how fast it may be gone. */
export interface Line {
  readonly transport: VultrTransport;
  readonly budget: Budget;
}

interface Shared {
  readonly opened: Promise<Line & { close(): Promise<void> }>;
  users: number;
}

const shared = new Map<string, Shared>();

/**
 * The line to the endpoint of these settings, the same for all targets of this process: the API counts requests by the address
 * that they come from, so they must be counted together here. The first target's pace holds for all. `release` gives it back.
 */
export async function shareLine(
  settings: VultrSettings,
  deps: Pick<PluginDeps, 'clock' | 'random'>,
): Promise<{ readonly line: Line; release(): Promise<void> }> {
  const key = settings.endpoint;
  const entry = shared.get(key) ?? { opened: open(settings, deps), users: 0 };
  shared.set(key, entry);
  entry.users += 1;
  const line = await entry.opened;
  let released = false;
  return {
    line,
    async release() {
      if (released) return;
      released = true;
      entry.users -= 1;
      if (entry.users > 0) return;
      shared.delete(key);
      await line.close();
    },
  };
}

async function open(
  settings: VultrSettings,
  { clock, random }: Pick<PluginDeps, 'clock' | 'random'>,
): Shared['opened'] {
  const { transport, close } = await httpsTransport(settings.endpoint);
  const budget = createBudget({ clock, random, perSecond: settings.requests_per_second });
  return { transport, budget, close };
}
