/** A machine as it really is, whoever it belongs to. */
export interface SeenMachine {
  readonly id: string;
  /** Never used again, even where ids are. */
  readonly uid: string;
  readonly contract: string | undefined;
  readonly agent: string | undefined;
  readonly running: boolean;
}

/** The host on which machines are made, looked at past the agent. */
export interface Backend {
  readonly type: string;
  /** The lines of the target's table. */
  readonly settings: string;
  /** Every machine that belongs to this test, foreign ones included. */
  machines(): SeenMachine[] | Promise<SeenMachine[]>;
  close(): Promise<void>;
}
