/** A demonstration that cannot go on, in words for whoever started it. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
  readonly details: readonly string[];
  readonly next: string | undefined;

  constructor(what: string, more: { details?: readonly string[]; next?: string; cause?: unknown } = {}) {
    super(what, more.cause === undefined ? undefined : { cause: more.cause });
    this.details = more.details ?? [];
    this.next = more.next;
  }
}

/** What somebody threw, in one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
