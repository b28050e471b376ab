import { type Finding, type PluginDeps, sleep } from '../../../src/provisioner/index.ts';
import { openProxmox } from '../provisioner.ts';
import type { ProxmoxSettings } from '../schema.ts';

/**
 * Looks at the cluster as the agent will, with its own token. A host shows a new template as one only after its next round of
 * statistics, which is waited for. Findings of level `fail` mean that nothing could be sold.
 */
export async function verifyTarget(
  settings: ProxmoxSettings,
  deps: PluginDeps,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { clock, log } = deps;
  const target = openProxmox(settings, deps);
  try {
    for (let look = 1; ; look++) {
      const findings = await target.check({ signal, log });
      const failed = findings.filter(({ level }) => level === 'fail');
      const late = failed.length > 0 && failed.every(({ code }) => code === 'proxmox.template.missing');
      if (!late || look === LOOKS) return findings;
      await sleep(clock, Math.min(FIRST_PAUSE_MS * 2 ** (look - 1), LONGEST_PAUSE_MS), signal);
    }
  } finally {
    await target.close();
  }
}

/** pvestatd's round takes ten seconds; half a minute is waited for it. */
const LOOKS = 10;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
