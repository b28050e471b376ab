/** The door for whoever tests a plugin; see docs/plugins.md. */
export type { Bench, BenchFaults, Kit, TestContext } from './conformance/bench.ts';
export { type OperationOptions, operation, sampleOrder } from './conformance/operations.ts';
export { provisionerConformance } from './conformance/suite.ts';
