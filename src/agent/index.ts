export { Agent } from './agent.ts';
export type { AgentDeps, AgentSettings, TargetDeps } from './deps.ts';
export { statusDocument } from './status.ts';
