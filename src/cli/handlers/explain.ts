import { type ContractRecord, decide, defaultPolicy, phaseOf, type RouteData } from '../../lifecycle/index.ts';
import { redacted } from '../../telemetry/redact.ts';
import { flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { renderStory, type Story } from '../explain/render.ts';
import { timelineOf } from '../explain/timeline.ts';
import { Failure } from '../failure.ts';
import { pickContract, readRecords } from '../records.ts';
import { duration } from '../text/duration.ts';

export const explainContract: Handler = async (args, io) => {
  const { agent } = await readConfig(args, io);
  const replay = await readRecords(agent.stateDir);
  if (replay === undefined) {
    throw new Failure({
      what: `there is no ledger in ${agent.stateDir} yet`,
      next: 'It begins with the agent’s first start.',
    });
  }
  const contract = pickContract(args.operands[0] ?? '', [...replay.records.keys(), ...replay.quarantined.keys()]);
  const record = [...replay.records.values()].find((candidate) => candidate.contract === contract);
  const quarantine = [...replay.quarantined].find(([id]) => id === contract)?.[1];
  const story = redacted(tellStory(contract, record, quarantine, Date.now()));
  io.out(flag(args, 'json') ? JSON.stringify(story, null, 2) : renderStory(story, io.colors));
  return EXIT.ok;
};

/** A contract's story from its record; a quarantined contract has one even when its record is lost. */
export function tellStory(
  contract: string,
  record: ContractRecord | undefined,
  quarantine: string | undefined,
  now: number,
): Story {
  const next =
    quarantine === undefined
      ? record === undefined
        ? ''
        : whatNext(record, now)
      : `nothing until an operator looks: its ledger entries are damaged (${quarantine})`;
  return {
    contract,
    target: record?.target ?? '?',
    phase: quarantine !== undefined ? 'quarantined' : record === undefined ? '?' : phaseOf(record),
    why: record?.why ?? '',
    next,
    ...(record?.hostKey === undefined
      ? {}
      : { hostKey: { fingerprint: record.hostKey, trust: record.hostKeyTrust ?? 'first-use' } }),
    ...(record?.recipe === undefined ? {} : { recipe: record.recipe }),
    ...(record?.route === undefined ? {} : { route: routeLine(record, record.route) }),
    entries: record === undefined ? [] : timelineOf(record),
  };
}

function routeLine({ routeState, dnsName }: ContractRecord, route: RouteData): string {
  const { firstPort, portCount, slug } = route;
  const name = dnsName === undefined ? '' : `, DNS name ${dnsName.state === 'there' ? 'made' : 'asked for'}`;
  return `ports ${firstPort} to ${firstPort + portCount - 1} (${routeState ?? 'closed'}), slug ${slug}${name}`;
}

function whatNext(record: ContractRecord, now: number): string {
  if (record.closedAt !== undefined) return 'nothing: it is closed';
  if (record.running !== undefined) {
    const { step, at, attempt } = record.running;
    return `${step} is under way for ${duration(now - at)} (attempt ${attempt}); if the agent died meanwhile, its outcome is looked up at the next start`;
  }
  // Without the running agent the backend's abilities are not known; the common ones are assumed, and it only is shown.
  const can = { stop: true, start: true, needsLogin: true };
  const lockLeftMs = record.claimed ? Number.POSITIVE_INFINITY : 0;
  const decision = decide(record, { can, lockLeftMs }, defaultPolicy, now);
  switch (decision.kind) {
    case 'step':
      return `${decision.step}: ${decision.why}`;
    case 'goal':
      return `${decision.goal} (${decision.reason}): ${decision.why}`;
    case 'close':
      return `it is closed: ${decision.why}`;
    case 'wait': {
      if (decision.until === undefined || !Number.isFinite(decision.until)) return `nothing: ${decision.why}`;
      return `waits ${duration(Math.max(0, decision.until - now))}: ${decision.why}`;
    }
    default:
      return '';
  }
}
