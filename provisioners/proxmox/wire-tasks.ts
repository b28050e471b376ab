import { z } from 'zod';
import { parseUpid, type Upid } from './tasks-upid.ts';
import { count, maybe, text } from './wire-scalars.ts';

export const upid = z.string().transform((raw, ctx): Upid => {
  const parsed = parseUpid(raw);
  if (parsed !== undefined) return parsed.upid;
  ctx.addIssue({ code: 'custom', message: 'expected the id of a task' });
  return z.NEVER;
});

/** Calls that are sometimes done at once, and resize before 8.0, answer null instead of a task. */
export const upidOrDone = maybe(upid);

export const taskStatus = z.object({
  status: z.enum(['running', 'stopped']),
  exitstatus: maybe(text),
});
export type PveTaskStatus = z.infer<typeof taskStatus>;

/** `status` is how it ended; a running one has none, or `RUNNING`. Its `user` may hold the token too. */
export const taskRow = z.object({
  upid,
  status: maybe(text),
  endtime: maybe(count),
});

export const logLine = z.object({ n: count, t: maybe(text) });
