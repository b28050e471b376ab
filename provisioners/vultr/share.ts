import { createShares } from '../../src/provisioner/cloud/share.ts';
import type { PluginDeps } from '../../src/provisioner/index.ts';
import { type Budget, createBudget } from './budget.ts';
import type { VultrSettings } from './schema.ts';
import { httpsTransport, type VultrTransport } from './transport.ts';

/** The way to one endpoint, and how fast it may be gone. */
export interface Line {
  readonly transport: VultrTransport;
  readonly budget: Budget;
}

const lines = createShares<Line>();

/**
 * The line to the endpoint of these settings, the same for all targets of this process: the API counts requests by the address
 * that they come from, so they must be counted together here. The first target's pace holds for all. `release` gives it back.
 */
export async function shareLine(
  settings: VultrSettings,
  { clock, random }: Pick<PluginDeps, 'clock' | 'random'>,
): Promise<{ readonly line: Line; release(): Promise<void> }> {
  const { value, release } = await lines.get([settings.endpoint], async () => {
    const { transport, close } = await httpsTransport(settings.endpoint);
    const budget = createBudget({ clock, random, perSecond: settings.requests_per_second });
    return { value: { transport, budget }, close };
  });
  return { line: value, release };
}
