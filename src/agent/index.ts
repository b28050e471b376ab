export { Agent } from './agent.ts';
export type { AgentDeps, AgentSettings, TargetDeps } from './deps.ts';
export { DrainSwitch } from './drain-switch.ts';
export { networkOrder } from './network-order.ts';
export { takenAddresses } from './reserve-route.ts';
export { statusDocument } from './status.ts';
export { parseTraffic } from './traffic-file.ts';
export { monthOf, type TrafficTotals } from './traffic-totals.ts';
