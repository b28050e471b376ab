import type { Finding } from '../../provisioner/contract.ts';
import { causes } from '../failure.ts';

/**
 * Runs one check and always comes back with findings: what it throws is a finding too, and after `ms` so is its silence.
 * The signal is aborted at the deadline; a check that does not obey it is left behind, not waited for.
 */
export async function withinDeadline(
  code: string,
  ms: number,
  outer: AbortSignal,
  check: (signal: AbortSignal) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const deadline = new AbortController();
  const signal = AbortSignal.any([outer, deadline.signal]);
  const silence = new Promise<readonly Finding[]>((resolve) => {
    const late: Finding = { level: 'fail', code: `${code}.timeout`, title: `No answer within ${ms / 1000} s.` };
    signal.addEventListener('abort', () => resolve([late]), { once: true });
  });
  const timer = setTimeout(() => deadline.abort(new Error('deadline')), ms);
  try {
    return await Promise.race([check(signal).catch((error: unknown) => [thrown(code, error)]), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function thrown(code: string, error: unknown): Finding {
  return { level: 'fail', code: `${code}.error`, title: causes(error).join(': ') };
}
