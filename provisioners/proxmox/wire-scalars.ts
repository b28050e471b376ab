import { z } from 'zod';

/**
 * Perl knows no difference between 1 and "1", so the type of a value in an answer depends on how it was last used: ids come as
 * numbers and texts, sizes as texts, truth as 0 and 1.
 */
export const text = z.union([z.string(), z.number()]).transform(String);

/** A finite number, or its decimal text. */
export const count = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(?:\.\d+)?$/)
    .transform(Number),
]);

/** 0 and the empty text are false, as in Perl. */
export const truth = z
  .union([z.boolean(), z.number(), z.string()])
  .transform((value) => value !== '0' && Boolean(value));

/** Absent is false. */
export const flag = truth.nullish().transform((value) => value ?? false);

/** Absent and null are the same; what is there must fit. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}
