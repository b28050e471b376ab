/**
 * What can go wrong with a backend, by what the agent must do about it:
 *
 * | kind | meaning | what follows |
 * |---|---|---|
 * | retry | nothing was changed, or repeating is safe; may work later | tried again with back-off until the deadline |
 * | throttled | the backend asks for less; `retryAfterMs` when it said how long | tried again, not counted as a failure |
 * | capacity | no room here and now | the contract is left to pool mates, or tried again until the deadline |
 * | permanent | this order can never work here | cleaned up, then reported as failed |
 * | config | the operator must change something (rights, template, credentials) | tried again slowly, shown by doctor and status |
 * | unknown-outcome | the answer was lost after the request was sent | the stamp is looked for before anything else |
 * | not-ours | the thing under that id does not carry our stamp | nothing is touched, shown by status |
 */
export type ErrorKind = 'retry' | 'throttled' | 'capacity' | 'permanent' | 'config' | 'unknown-outcome' | 'not-ours';

export interface ProvisionerErrorOptions {
  /** What the tenant and the platform may read: no host names, paths, ids of the backend, or secrets. */
  publicText?: string;
  retryAfterMs?: number;
  cause?: unknown;
}

const BRAND = Symbol.for('dc-agent.ProvisionerError');

/** The one error class of every plugin. `message` is for the operator and stays on this host. */
export class ProvisionerError extends Error {
  override readonly name = 'ProvisionerError';
  readonly [BRAND] = true;
  readonly kind: ErrorKind;
  readonly publicText: string;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, message: string, options: ProvisionerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.publicText = options.publicText ?? PUBLIC_TEXT[kind];
    this.retryAfterMs = options.retryAfterMs;
  }
}

const PUBLIC_TEXT: Record<ErrorKind, string> = {
  retry: 'The machine could not be made in time.',
  throttled: 'The machine could not be made in time.',
  capacity: 'There is no free capacity for this machine.',
  permanent: 'This machine cannot be made as ordered.',
  config: 'The provider has to correct a setting before this machine can be made.',
  'unknown-outcome': 'The machine could not be made in time.',
  'not-ours': 'The machine could not be made in time.',
};

/** True for our error class, also when it came from another copy of this package (a third-party plugin's). */
export function isProvisionerError(error: unknown): error is ProvisionerError {
  return typeof error === 'object' && error !== null && (error as { [BRAND]?: unknown })[BRAND] === true;
}
