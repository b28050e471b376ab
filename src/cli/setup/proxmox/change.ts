import {
  applySteps,
  type Connection,
  type Kept,
  type SnippetFolder,
  type Step,
  undo,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import type { Secret } from '../../../ports/secret.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { SetupRecord } from './record.ts';
import { showKept } from './show.ts';

export interface Changing {
  readonly connection: Connection;
  readonly record: SetupRecord;
  readonly snippets: SnippetFolder | undefined;
  readonly io: Io;
  keepToken(token: { readonly id: string; readonly secret: Secret }): Promise<void>;
  /** The token is gone again. */
  forgetToken(): Promise<void>;
}

/**
 * Does the steps, then `after`: whatever of it fails or is interrupted, what these steps made is taken back before the failure is told.
 * What an earlier setup made stays.
 */
export async function changeCluster<T>(
  steps: readonly Step[],
  changing: Changing,
  after: () => Promise<T>,
): Promise<T> {
  const { connection, record, snippets, io } = changing;
  const before = new Set(record.journal.made);
  const work = {
    pve: connection.pve,
    clock: systemClock,
    signal: io.signal,
    say: (text: string) => io.err(`      ${text}`),
    keepToken: changing.keepToken,
    ...(snippets === undefined ? {} : { snippets }),
  };
  try {
    await applySteps(steps, work, record.journal, ({ says }, n) => io.err(`[${n}/${steps.length}] ${says}`));
    return await after();
  } catch (error) {
    const made = record.journal.made.filter((thing) => !before.has(thing));
    const rest = made.length === 0 ? [] : await takeBack(made, changing);
    if (made.some(({ kind }) => kind === 'token')) await changing.forgetToken();
    throw await withdrawn(error, rest, record);
  }
}

/** Under a signal of its own: Ctrl-C is often why it is done. A second Ctrl-C ends the process; the record then knows the rest. */
async function takeBack(made: SetupRecord['journal']['made'], changing: Changing): Promise<Kept[] | Error> {
  const { connection, record, snippets, io } = changing;
  io.err('Taking back what was made:');
  const signal = AbortSignal.timeout(UNDO_MS);
  const say = (text: string): void => io.err(`      ${text}`);
  const age = 'just made' as const;
  const work = { pve: connection.pve, clock: systemClock, signal, say, age, ...(snippets ? { snippets } : {}) };
  try {
    const kept = await undo(made, work, record.journal);
    showKept(kept, io);
    return kept;
  } catch (error) {
    return error instanceof Error ? error : new Error('it could not be taken back');
  }
}

const UNDO_MS = 20 * 60_000;

async function withdrawn(cause: unknown, rest: Kept[] | Error, record: SetupRecord): Promise<Failure> {
  if (record.journal.made.length === 0 && record.present !== undefined) await record.remove();
  const clean = Array.isArray(rest) && rest.length === 0;
  const parts = cause instanceof Failure ? cause.parts : { what: 'the setup did not come to its end', cause };
  const said = Array.isArray(rest) ? [] : [`Taking it back failed: ${rest.message}`];
  return new Failure({
    ...parts,
    details: [
      ...(parts.details ?? []),
      ...said,
      clean
        ? 'What was made on the cluster is removed again. The setup token is not spent.'
        : `Some of what was made is still there; ${record.file} says what. The setup token is not spent.`,
    ],
    next: parts.next ?? 'Put it right, then run the same command again.',
    ...(clean || parts.command !== undefined
      ? {}
      : { next: 'Take back the rest with:', command: 'dc-agent setup proxmox --undo' }),
  });
}
