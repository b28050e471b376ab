import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { Failure } from '../failure.ts';

/**
 * What a set-up noted of itself; undefined when there is no such file. Throws Failure when there is one that cannot be read: guessing
 * could remove what is not ours. `page`: where everything that is made is named.
 */
export async function readRecordFile<T>(file: string, contents: z.ZodType<T>, page: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw new Failure({ what: `${file} cannot be read`, next: 'Run the command as root.', cause: error });
  }
  const parsed = contents.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    what: `${file} is damaged, so what was made before is not known`,
    next: `Compare by hand (${page} names everything that is made), move the file away, then run the command again.`,
    cause: parsed.error,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The schema refuses it, with the reason kept.
    return error;
  }
}
