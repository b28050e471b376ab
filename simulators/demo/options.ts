import type { BackendType } from './backend.ts';

export interface DemoOptions {
  /** Undefined: Docker where an engine answers, else the sandbox. */
  readonly backend: BackendType | undefined;
  readonly contracts: number;
  readonly keep: boolean;
}

/** The program whose `run` and `setup token` are shown: how it was started itself. */
export interface Program {
  readonly node: string;
  /** Options of Node, and the file. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** How a line is meant; whoever shows it chooses the colours. */
export type Kind = 'chapter' | 'line' | 'command' | 'note' | 'good' | 'warn';
export type Say = (kind: Kind, text: string) => void;

/** Whoever watches wants it to end: the first time in order, the second time at once. */
export interface Interrupts {
  readonly first: AbortSignal;
  readonly second: AbortSignal;
}

export const MAX_CONTRACTS = 100;

/** Up to so many contracts are told one by one; of more there is a summary. */
export const FEW = 5;

export interface DemoInput {
  readonly options: DemoOptions;
  readonly program: Program;
  readonly say: Say;
  readonly interrupts: Interrupts;
}
