import type { Config, TargetConfig } from '../../config/types.ts';
import {
  type AgentId,
  type Finding,
  type Log,
  type ProvisionerPlugin,
  systemClock,
  systemRandom,
} from '../../provisioner/index.ts';
import { withinDeadline } from './deadline.ts';
import type { Section } from './report.ts';

export interface TargetChecks {
  readonly plugins: ReadonlyMap<string, ProvisionerPlugin>;
  readonly agent: AgentId;
  readonly log: Log;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Every target's own check, all at the same time: one that hangs delays none of the others. */
export function checkTargets(config: Config, checks: TargetChecks): Promise<Section[]> {
  return Promise.all(
    config.targets.map(async (target) => ({
      name: `target ${target.name} (${target.type})`,
      findings: await withinDeadline(`target.${target.type}`, checks.timeoutMs, checks.signal, (signal) =>
        checkTarget(target, checks, signal),
      ),
    })),
  );
}

async function checkTarget(
  target: TargetConfig,
  checks: TargetChecks,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { log, agent } = checks;
  const plugin = checks.plugins.get(target.type);
  if (plugin === undefined) {
    return [
      { level: 'fail', code: 'target.plugin.missing', title: `This agent has no provisioner of type ${target.type}.` },
    ];
  }
  const deps = { agent, target: target.name, clock: systemClock, random: systemRandom, log };
  const provisioner = await plugin.open(target.settings, deps);
  try {
    const findings = await provisioner.check({ signal, log });

    return [
      ...findings,
      ...(provisioner.stop === undefined
        ? [
            {
              level: 'warn' as const,
              code: 'target.stop.missing',
              title: 'It cannot stop machines: a paused contract keeps running.',
            },
          ]
        : []),
    ];
  } finally {
    await provisioner.close?.();
  }
}
