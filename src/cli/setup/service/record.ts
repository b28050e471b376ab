import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../../failure.ts';

/** What `setup service` has done to this host: enough to take back exactly that. Never holds a secret, only names of files. */
const record = z.object({
  version: z.literal(1),
  /** Files that it wrote: the digest of their contents. */
  files: z.record(z.string(), z.string()),
  config: z.object({
    file: z.string(),
    /** As it was before: whose it was, and who might read it. */
    owner: z.string(),
    mode: z.string(),
  }),
  /** Values of the configuration that became credentials; `was` is what stood there, as TOML. */
  credentials: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      was: z.string(),
    }),
  ),
  groups: z.array(z.string()),
  /** Digest of the configuration that the service was last started with. */
  startedWith: z.string().optional(),
});

export type SetupRecord = z.infer<typeof record>;

/** Undefined when nothing was set up. Throws Failure when it cannot be read: guessing could remove what is not ours. */
export async function readRecord(file: string): Promise<SetupRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Failure({ what: `${file} cannot be read`, next: 'Run the command as root.', cause: error });
  }
  const parsed = record.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    what: `${file} is damaged, so what was set up before is not known`,
    next: 'Move the file away, then run the command again; it takes over what it finds unchanged.',
    cause: parsed.error,
  });
}

export function renderRecord(value: SetupRecord): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The schema refuses it, with the reason kept.
    return error;
  }
}
