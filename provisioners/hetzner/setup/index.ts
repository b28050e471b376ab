/** The door for the command line: what `setup hetzner` asks, shows and writes, without a terminal. */
export type { HetznerSettings } from '../schema.ts';
export { type Choice, chooseSettings } from './choose.ts';
export { ensureFirewall, FIREWALL_POLICIES, type FirewallPolicy, removeFirewall } from './firewall.ts';
export { addressPrice, offersIn, trialCost } from './offers.ts';
export { openSetup, type SetupProject } from './open.ts';
export { type Survey, surveyProject, verdicts } from './survey.ts';
export { verifyTarget } from './verify.ts';
