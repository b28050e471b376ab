import type { Program, Say } from './options.ts';
import type { Undo } from './undo.ts';

export type BackendType = 'docker' | 'sandbox';

/** Where the machines are made, looked at past the agent. */
export interface DemoBackend {
  readonly type: BackendType;
  /** For people; says when it is simulated. */
  readonly title: string;
  readonly simulated: boolean;
  /** How many machines it makes well at the same time. */
  readonly lanes: number;
  /** For `setup token --set`. */
  readonly settings: readonly string[];
  /** What is sold here, by the platform's column names. */
  readonly sells: Readonly<Record<string, string | number>>;
  /** The contracts whose machines there are, in any power state, by the owner stamp that the machines carry. */
  contractsWithMachines(agent: string): Promise<string[]>;
  /** Removes all machines that carry this agent's stamp, whatever the agent thinks of them. */
  removeAll(agent: string): Promise<void>;
}

/** As by default, so that whoever looks around can rent more. */
export const FEWEST_LANES = 4;

export interface Surroundings {
  readonly home: string;
  readonly program: Program;
  readonly contracts: number;
  readonly undo: Undo;
  readonly say: Say;
  readonly signal: AbortSignal;
}
