export { admit, type Demand } from './admission.ts';
export { afterAnnounce, afterClaim, afterDeliver, afterFail, afterTerminate } from './answers.ts';
export { apply } from './apply.ts';
export { type Doomed, judgeShares } from './breaker.ts';
export { type Decision, decide, mayGoOn, type World } from './decide.ts';
export { defaultPolicy, type Policy } from './policy.ts';
export { planOf } from './recipe.ts';
export type {
  CloudInitEnd,
  ContractEvent,
  ContractRecord,
  Credential,
  HostKeyTrust,
  InstanceData,
  OrderData,
  RecipeEnd,
  RecipePlan,
  RemoveReason,
  RouteData,
} from './record.ts';
export { addressOf, allocateRoute, isBehindHost, openRoutes, type PortRange, routeOf, routesOf } from './route.ts';
export type { Step } from './steps.ts';
export { owedReports, phaseOf } from './view.ts';
