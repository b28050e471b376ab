declare const brand: unique symbol;

/** The id of a task, as the host gave it: `UPID:node:pid:pstart:starttime:type:id:user:`. */
export type Upid = string & { readonly [brand]: 'Upid' };

export interface ParsedUpid {
  readonly upid: Upid;
  /** The only node that knows the task. */
  readonly node: string;
  /** Milliseconds since 1970, by the node's clock, to the second. */
  readonly startedAt: number;
  /** `qmclone`, `qmstart`, `imgcopy`, … */
  readonly type: string;
  /** What it works on; of a clone the *source*; may be empty. */
  readonly id: string;
  /** `user@realm`, or `user@realm!token`. */
  readonly who: string;
}

/** pstart has nine digits once a node is up for 16 months. */
const UPID =
  /^UPID:([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;

/** Undefined when the text is not the id of a task. */
export function parseUpid(text: string): ParsedUpid | undefined {
  const match = UPID.exec(text);
  if (match === null) return undefined;
  const [, node = '', started = '', type = '', id = '', who = ''] = match;
  return { upid: text as Upid, node, startedAt: Number.parseInt(started, 16) * 1000, type, id, who };
}
