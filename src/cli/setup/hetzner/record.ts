import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import { readRecordFile } from '../record-file.ts';
import { writeWhole } from '../store.ts';
import type { HetznerOptions } from './options.ts';

const contents = z.object({
  version: z.literal(1),
  /** Names this set-up in the label of what it made. */
  setup: z.string(),
  endpoint: z.string(),
  /** The firewall that was, or was about to be, made. */
  firewall: z.string().optional(),
  /** The file with the API token. */
  tokenFile: z.string().optional(),
  /** This command made the systemd service. */
  service: z.literal(true).optional(),
});

type Contents = z.infer<typeof contents>;

/** What `setup hetzner` has made, on disk beside the configuration: written before each thing is made. Holds no secret. */
export interface SetupRecord {
  readonly file: string;
  /** Undefined until something was noted. */
  readonly present: Contents | undefined;
  readonly setup: string;
  /** An undefined value takes a note back. */
  note(change: { [Key in 'firewall' | 'tokenFile' | 'service']?: Contents[Key] | undefined }): Promise<void>;
  /** Nothing of it is there any more. */
  remove(): Promise<void>;
}

/** Throws Failure when there is a record that cannot be read, or that is about another API. */
export async function openRecord(
  { output, target }: Pick<HetznerOptions, 'output' | 'target'>,
  endpoint: string | undefined,
): Promise<SetupRecord> {
  const file = join(dirname(output), `setup-hetzner-${target}.json`);
  let present = await readRecordFile(file, contents, 'docs/hetzner.md');
  if (present !== undefined && endpoint !== undefined && present.endpoint !== endpoint) {
    throw new Failure({
      what: `${file} is about another API: ${present.endpoint}`,
      next: 'Choose another --target for a second one; or take the first one back with --undo.',
    });
  }
  const setup = present?.setup ?? randomUUID();
  return {
    file,
    get present() {
      return present;
    },
    setup,
    async note(change) {
      const next = { version: 1 as const, setup, endpoint: endpoint ?? '', ...present, ...change };
      present = contents.parse(JSON.parse(JSON.stringify(next)));
      await writeWhole(file, `${JSON.stringify(present, undefined, 2)}\n`);
    },
    async remove() {
      await rm(file, { force: true });
      present = undefined;
    },
  };
}
