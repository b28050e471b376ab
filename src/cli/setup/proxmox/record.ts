import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Journal, made } from '../../../../provisioners/proxmox/setup/index.ts';
import { Failure } from '../../failure.ts';
import { readRecordFile } from '../record-file.ts';
import { writeWhole } from '../store.ts';

const contents = z.object({
  version: z.literal(1),
  /** Names this setup in the templates that it made. */
  setup: z.string(),
  apiUrl: z.string(),
  made: z.array(made),
  /** The file with the secret of the agent's token. */
  secretFile: z.string().optional(),
  /** This command made the systemd service. */
  service: z.literal(true).optional(),
});

type Contents = z.infer<typeof contents>;

/** What `setup proxmox` has made, on disk beside the configuration: written before each thing is made. Holds no secret. */
export interface SetupRecord {
  readonly file: string;
  /** Undefined until something was noted. */
  readonly present: Contents | undefined;
  readonly setup: string;
  readonly journal: Journal;
  note(change: Pick<Contents, 'secretFile' | 'service'>): Promise<void>;
  /** Nothing of it is there any more. */
  remove(): Promise<void>;
}

export function recordFile(config: string, target: string): string {
  return join(dirname(config), `setup-proxmox-${target}.json`);
}

/** Throws Failure when there is a record that cannot be read, or that is about another cluster: guessing could remove what is not ours. */
export async function openRecord(file: string, apiUrl: string | undefined): Promise<SetupRecord> {
  let present = await readRecordFile(file, contents, 'docs/proxmox.md');
  if (present !== undefined && apiUrl !== undefined && present.apiUrl !== apiUrl && present.made.length > 0) {
    throw new Failure({
      what: `${file} is about another cluster: ${present.apiUrl}`,
      next: 'For a second cluster choose another --target; or take the first one back with --undo.',
    });
  }
  const setup = present?.setup ?? randomUUID();
  const change = async (next: Partial<Contents>): Promise<void> => {
    present = { version: 1, setup, apiUrl: apiUrl ?? '', made: [], ...present, ...next };
    await writeWhole(file, `${JSON.stringify(present, undefined, 2)}\n`);
  };
  return {
    file,
    get present() {
      return present;
    },
    setup,
    journal: {
      get made() {
        return present?.made ?? [];
      },
      async add(thing) {
        const before = present?.made ?? [];
        if (!before.some((one) => isDeepStrictEqual(one, thing))) await change({ made: [...before, thing] });
      },
      async drop(thing) {
        await change({ made: (present?.made ?? []).filter((one) => !isDeepStrictEqual(one, thing)) });
      },
    },
    note: change,
    async remove() {
      await rm(file, { force: true });
      present = undefined;
    },
  };
}
