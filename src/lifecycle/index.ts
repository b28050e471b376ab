export { admit, type Demand } from './admission.ts';
export { afterAnnounce, afterClaim, afterDeliver, afterFail, afterTerminate } from './answers.ts';
export { apply } from './apply.ts';
export { type Doomed, judgeShares } from './breaker.ts';
export { type Decision, decide } from './decide.ts';
export { defaultPolicy, type Policy } from './policy.ts';
export type { ContractEvent, ContractRecord, InstanceData, OrderData, RemoveReason } from './record.ts';
export type { Step } from './steps.ts';
export { owedReports, phaseOf } from './view.ts';
