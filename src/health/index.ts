export {
  type Account,
  accountOf,
  type Outage,
  outagesOf,
  type Stretch,
  shareOf,
  stretches,
} from './account.ts';
export { exported } from './export.ts';
export { type Answer, type Knock, knock } from './knock.ts';
export type { UptimeState } from './lines.ts';
export { UptimeLog } from './log.ts';
export { uptimeDirectory } from './places.ts';
export { type DueSample, loggedContracts, readText, samplesOf, settleLog } from './read.ts';
export { usageEvents } from './usage.ts';
export { compare, type Verdict, verify } from './verify.ts';
