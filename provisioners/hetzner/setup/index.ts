/** The door for the command line: what `setup hetzner` asks, shows and writes, without a terminal. */
export { type Choice, chooseSettings } from './choose.ts';
export { ensureFirewall } from './firewall.ts';
export { offersIn, trialCost } from './offers.ts';
export { openSetup, type SetupProject } from './open.ts';
export { surveyProject, verdicts } from './survey.ts';
