import type { Personality } from '../call.ts';

/** What `/version` and the nodes say they run. */
export function versionOf(personality: Personality): { version: string; release: string; repoid: string } {
  return personality === '9.1'
    ? { version: '9.1.7', release: '9.1', repoid: '0307225d4bc8b3ed' }
    : { version: '8.4.21', release: '8.4', repoid: '2606ac850d46' };
}
