import type { Config } from '../../config/types.ts';
import type { Replay } from '../../ledger/index.ts';
import { owedReports, phaseOf } from '../../lifecycle/index.ts';
import type { ContractStatus } from '../../telemetry/status.ts';

/** What can be told without the agent: the ledger's contracts, and that nobody is looking after them now. */
export interface OfflineStatus {
  readonly running: false;
  readonly stateDir: string;
  readonly endpoint: string;
  readonly contracts: readonly ContractStatus[];
  readonly quarantined: readonly { readonly contract: string; readonly problem: string }[];
  readonly problems: readonly string[];
}

export function offlineStatus(config: Config, replay: Replay | undefined): OfflineStatus {
  const records = [...(replay?.records.values() ?? [])].filter((record) => record.closedAt === undefined);
  return {
    running: false,
    stateDir: config.agent.stateDir,
    endpoint: config.api.endpoint,
    contracts: records.map((record) => {
      const { instance, running } = record;
      return {
        contract: record.contract,
        target: record.target,
        phase: phaseOf(record),
        since: record.goalSince,
        owed: owedReports(record),
        ...(running === undefined ? {} : { waitingFor: `the outcome of ${running.step}, which was under way` }),
        ...(instance === undefined ? {} : { externalId: instance.externalId }),
        ...(instance?.ssh === undefined ? {} : { ssh: instance.ssh }),
        ...(record.endsAt === undefined ? {} : { endsAt: record.endsAt }),
      };
    }),
    quarantined: [...(replay?.quarantined ?? [])].map(([contract, problem]) => ({ contract, problem })),
    problems: replay?.problems ?? [],
  };
}
