import { type ErrorKind, ProvisionerError, type ProvisionerErrorOptions } from '../../src/provisioner/index.ts';
import { type PveReason, RULES, type Rule } from './errors-rules.ts';

/**
 * What an exchange does to the host: `none` = only reads, `repeatable` = the same request again ends in the same state,
 * `once` = the same request again may do it twice, or to something else that has the id by then.
 */
export type Effect = 'none' | 'repeatable' | 'once';

/** An answer that is no success, or the end of a task that failed. */
export interface Refusal {
  /** Completes the sentence "Proxmox refused to …". */
  readonly doing: string;
  readonly effect: Effect;
  /** Absent for a task, which had been accepted. */
  readonly status?: number;
  /** What the host said, in its own words. */
  readonly text: string;
  /** There was more, which could not be read: what is wrong with the parameters stands there. */
  readonly garbled?: boolean;
}

export interface PveProblemOptions extends ProvisionerErrorOptions {
  readonly status?: number | undefined;
}

/** Every error of this client. `reason` tells apart what the plugin treats differently; `kind` alone says what to do otherwise. */
export class PveProblem extends ProvisionerError {
  readonly reason: PveReason;
  /** Of the answer; absent when there was none. */
  readonly status: number | undefined;

  constructor(kind: ErrorKind, reason: PveReason, message: string, options: PveProblemOptions = {}) {
    super(kind, message, options);
    this.reason = reason;
    this.status = options.status;
  }
}

/** Why Proxmox refused; undefined for errors that are not this client's. */
export function reasonOf(error: unknown): PveReason | undefined {
  return error instanceof PveProblem ? error.reason : undefined;
}

/**
 * A refusal as one of our kinds. Proxmox tells causes apart in prose only, nearly all of it under status 500; the first rule that
 * fits wins. What none fits is in the dark when the request must not be repeated, and retried otherwise. No reason means that a
 * guest is gone: "does not exist" is also said of one that moved to another node, and 403 of one that left its pool.
 */
export function refused({ doing, effect, status, text, garbled = false }: Refusal): PveProblem {
  const rule = RULES.find((r) => (r.status === undefined || r.status === status) && r.words.test(text));
  const { kind, reason, remedy, publicText }: Verdict = rule ?? verdictOnStatus(status, garbled);
  const said = `${status === undefined ? 'The task failed that was to' : 'Proxmox refused to'} ${doing}: ${
    status === undefined ? '' : `${status} `
  }${oneLine(text) || 'it did not say why'}`;
  return new PveProblem(
    kind === 'unsure' ? unsureKind(effect) : kind,
    reason,
    remedy === undefined ? said : `${said} (${remedy})`,
    { status, ...(publicText === undefined ? {} : { publicText }) },
  );
}

/** An answer that was lost, or that does not tell: harmless after a read or what may be repeated, in the dark otherwise. */
export function unsureKind(effect: Effect): 'retry' | 'unknown-outcome' {
  return effect === 'once' ? 'unknown-outcome' : 'retry';
}

/** Foreign text for a log line: no line breaks, no control characters, not endless. */
export function oneLine(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').trim();
  return clean.length > 400 ? `${clean.slice(0, 400)}…` : clean;
}

type Verdict = Omit<Rule, 'words' | 'status'>;

/**
 * For words that no rule knows. pveproxy gives out AnyEvent's own codes when it could not forward a request: 595 = no connection
 * was made, so nothing was asked; 596 to 599 = it broke afterwards, and the request may or may not have been run.
 */
function verdictOnStatus(status: number | undefined, garbled: boolean): Verdict {
  if (status === undefined) return { kind: 'retry', reason: 'other' };
  if (status === 595) return { kind: 'retry', reason: 'unreachable' };
  if (status === 502 || status === 503 || status === 504 || status >= 596) {
    return { kind: 'unsure', reason: 'unreachable' };
  }
  // "Is in use" is told in this way too, beside the message: no order is failed over half an answer.
  if (status === 400) return { kind: garbled ? 'retry' : 'permanent', reason: 'bad-request' };
  if (status === 401) return { kind: 'config', reason: 'unauthorized', remedy: UNAUTHORIZED };
  if (status === 403) return { kind: 'config', reason: 'no-right', remedy: NO_RIGHT };
  if (status === 404) return { kind: 'config', reason: 'unsupported', remedy: 'is api_url the address of Proxmox VE?' };
  if (status === 429) return { kind: 'throttled', reason: 'other' };
  if (status === 501) return { kind: 'config', reason: 'unsupported', remedy: 'this version of Proxmox VE is too old' };
  return { kind: 'unsure', reason: 'other' };
}

const UNAUTHORIZED =
  'the token or ticket is mistyped, disabled, expired or deleted: Proxmox gives one answer for all of these';
const NO_RIGHT = 'give the right to the user and to its token: a token has only what both have';
