/** How long a host's work takes, in ms, after the recordings; a test or bench may change any of them. */
export interface Timings {
  readonly linkedCloneMs: number;
  /** Per GiB copied. */
  readonly fullCloneMsPerGb: number;
  readonly configMs: number;
  readonly resizeMs: number;
  readonly startMs: number;
  /** From start until the guest agent answers. */
  readonly agentMs: number;
  /** From start until addresses show (never before the agent). */
  readonly addressMs: number;
  readonly stopMs: number;
  readonly shutdownMs: number;
  readonly destroyMs: number;
  readonly downloadMsPerMb: number;
  readonly importMsPerGb: number;
  /** pvestatd's round: how long cluster/resources lags. */
  readonly statdMs: number;
  readonly authFailureMs: number;
}

/** After the recordings of a small host; guests boot as on bare metal, not as under emulation. */
export const RECORDED_TIMINGS: Timings = {
  linkedCloneMs: 900,
  fullCloneMsPerGb: 1_300,
  configMs: 40,
  resizeMs: 150,
  startMs: 1_200,
  agentMs: 15_000,
  addressMs: 17_000,
  stopMs: 600,
  shutdownMs: 5_000,
  destroyMs: 500,
  downloadMsPerMb: 20,
  importMsPerGb: 4_000,
  statdMs: 10_000,
  authFailureMs: 3_000,
};

/** Everything at once, for tests that are not about time. */
export const INSTANT_TIMINGS: Timings = {
  linkedCloneMs: 0,
  fullCloneMsPerGb: 0,
  configMs: 0,
  resizeMs: 0,
  startMs: 0,
  agentMs: 0,
  addressMs: 0,
  stopMs: 0,
  shutdownMs: 0,
  destroyMs: 0,
  downloadMsPerMb: 0,
  importMsPerGb: 0,
  statdMs: 0,
  authFailureMs: 0,
};
