import { Failure } from '../failure.ts';

export const LOCATIONS = ['europe', 'na', 'latam', 'apac', 'mena', 'ssa', 'cis'] as const;
export type Location = (typeof LOCATIONS)[number];

/**
 * Whether the pool that the token is for is where this host is. A token names its pool's location (`apt_<location>_<digits>`), and this
 * is asked before the token is spent; the platform itself never asks. Without --location the time zone has to do, which proves little:
 * what it says against the token is returned as a question. Throws Failure when --location contradicts it.
 */
export function checkLocation(
  token: string | undefined,
  stated: Location | undefined,
  zone: string,
): { readonly pool?: string; readonly doubt?: string } {
  const pool = /^apt_([a-z]+)_/.exec(token ?? '')?.[1];
  if (pool === undefined) return {};
  if (stated !== undefined && stated !== pool) {
    throw new Failure({
      what: `the setup token is for a pool in ${pool}, and --location says ${stated}`,
      next: 'Take a token of the right pool. This one is not spent.',
    });
  }
  const [continent = ''] = zone.split('/');
  const likely = LIKELY[continent];
  if (stated !== undefined || likely === undefined || likely.includes(pool)) return { pool };
  return { pool, doubt: `The setup token is for a pool in ${pool}, and this host’s time zone is ${zone}.` };
}

/** UTC and the like say nothing. */
const LIKELY: Readonly<Record<string, readonly string[]>> = {
  Europe: ['europe', 'cis'],
  America: ['na', 'latam'],
  Asia: ['apac', 'mena', 'cis'],
  Africa: ['ssa', 'mena'],
  Australia: ['apac'],
  Pacific: ['apac', 'na'],
};
