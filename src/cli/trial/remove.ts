import type { Log, OperationId, Provisioner } from '../../provisioner/index.ts';
import { sleep, systemClock } from '../../provisioner/index.ts';
import { causes } from '../failure.ts';
import { forgetTrial, refOf, type TrialRecord } from './record.ts';

const ATTEMPTS = 5;
const ATTEMPT_MS = 120_000;

/**
 * Removes a test run's machine, and its note once nothing is left. Not ended by Ctrl-C, which is what may have brought us here;
 * a second one ends the process, and the note stays. Returns why something may be left, or undefined.
 */
export async function removeTrial(
  provisioner: Provisioner,
  record: TrialRecord,
  stateDir: string,
  log: Log,
  tell: (text: string) => void,
): Promise<string | undefined> {
  tell('removing');
  let problem = '';
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const signal = AbortSignal.timeout(ATTEMPT_MS);
    try {
      await provisioner.destroy(refOf(record), {
        id: record.operation as OperationId,
        attempt,
        outcomeUnknown: attempt > 1,
        handles: record.handles,
        // Nothing that a removal remembers is needed after it.
        remember: async () => {},
        signal,
        log,
      });
      await forgetTrial(stateDir, record.contract);
      tell('removed: the backend confirms that nothing is left');
      return undefined;
    } catch (error) {
      problem = causes(error).join(': ');
      tell(`removing failed (attempt ${attempt} of ${ATTEMPTS}): ${problem}`);
      if (attempt < ATTEMPTS) await sleep(systemClock, 500 * 2 ** attempt);
    }
  }
  return problem;
}
