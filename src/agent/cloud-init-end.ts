import { type CloudInitEnd, planOf } from '../lifecycle/index.ts';
import { sleep } from '../ports/clock.ts';
import type { CloudInitState } from '../provisioner/contract.ts';
import { isProvisionerError } from '../provisioner/errors.ts';
import { redactText } from '../telemetry/redact.ts';
import { DeadlineError, withDeadline } from './deadline.ts';
import type { StepContext } from './steps.ts';
import { ownedRef } from './target.ts';

/** A first boot that takes longer is the tenant's to watch. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 10_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;
const GROWTH = 1.5;
/** So many looks that fail in a row are enough: the machine is there, and somebody waits for it. */
const MOST_FAILURES = 3;
const MAX_WHY = 300;

export interface CloudInitSeen {
  readonly cloudInit?: CloudInitEnd;
  /** For the operator. */
  readonly note?: string;
}

/**
 * Waits until cloud-init has ended in a machine that a login was seen at, by the backend's own hand, within bounds: one call for a machine
 * without it, or that is done. Nothing where that was seen since the last start, or where the recipe sees to it by itself. What cannot be found out
 * holds nothing up. Rejects only with the signal's reason.
 */
export async function lookAtCloudInit(context: StepContext): Promise<CloudInitSeen> {
  const { deps, record, target, signal } = context;
  const { provisioner } = target;
  const plan = planOf(record, target.can);
  const byRecipe = plan?.by === 'ssh' || (plan !== undefined && record.order.cloudInit !== undefined);
  if (byRecipe || record.cloudInit !== undefined) return {};
  if (provisioner.cloudInit === undefined)
    return provisioner.capabilities.userData === undefined ? {} : { cloudInit: 'unseen' };
  const deadline = deps.clock.monotonic() + PATIENCE_MS;
  let failures = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
    const seen = await look(context);
    failures = seen === undefined ? failures + 1 : 0;
    const end = seen === undefined ? undefined : endOf(seen);
    if (end !== undefined) return end;
    if (failures === MOST_FAILURES) return UNSEEN;
    if (deps.clock.monotonic() + pause > deadline) return UNFINISHED;
    await sleep(deps.clock, pause, signal);
  }
}

const UNFINISHED: CloudInitSeen = {
  cloudInit: 'unfinished',
  note: `cloud-init had not ended after ${PATIENCE_MS / 1000} s`,
};

const UNSEEN: CloudInitSeen = { cloudInit: 'unseen', note: 'cloud-init could not be looked at' };

/** Undefined while it runs. */
function endOf(seen: CloudInitState): CloudInitSeen | undefined {
  if (seen.state === 'running') return undefined;
  if (seen.state === 'done') return { cloudInit: 'done' };
  if (seen.state === 'none') return {};
  if (seen.state === 'unknown') return UNSEEN;
  // The machine's own words: some may be secret, and a line of them is enough.
  const why = redactText(seen.why.replaceAll(/[\0-\x1f]+/g, ' ').slice(0, MAX_WHY));
  return { cloudInit: 'failed', note: `cloud-init ended with errors: ${why}` };
}

/** Undefined when it failed. */
async function look({ deps, record, target, signal, log }: StepContext): Promise<CloudInitState | undefined> {
  try {
    return await withDeadline(deps.clock, LOOK_MS, signal, async (inner) =>
      target.provisioner.cloudInit?.(ownedRef(record, deps.agent), { signal: inner, log }),
    );
  } catch (error) {
    if (signal.aborted || !(isProvisionerError(error) || error instanceof DeadlineError)) throw error;
    log.info({ error }, 'the backend could not look at cloud-init');
    return undefined;
  }
}
