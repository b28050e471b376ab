export { admit, type Demand } from './admission.ts';
export { afterAnnounce, afterClaim, afterDeliver, afterFail, afterTerminate } from './answers.ts';
export { apply } from './apply.ts';
export { type Doomed, judge, type Verdict } from './breaker.ts';
export { type Decision, decide, type World } from './decide.ts';
export { type BreakerPolicy, defaultPolicy, type Policy } from './policy.ts';
export type {
  ContractEvent,
  ContractRecord,
  FailureKind,
  Goal,
  HistoryEntry,
  InstanceData,
  OrderData,
  RemoveReason,
} from './record.ts';
export { BACKEND_STEPS, REPORTS, type Step } from './steps.ts';
export { owedReports, phaseOf } from './view.ts';
