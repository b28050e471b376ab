import { isProvisionerError } from '../../../src/provisioner/index.ts';
import { reasonOf } from '../errors.ts';
import { type Journal, type Made, nameOf } from './made.ts';
import { takeBackAccess } from './undo-access.ts';
import { takeBackGuest } from './undo-guests.ts';
import type { Work } from './work.ts';

export interface UndoWork extends Pick<Work, 'pve' | 'clock' | 'signal' | 'say' | 'snippets'> {
  /** Nobody can have come to use what was only just made; of what is older, other agents may. */
  readonly age: 'just made' | 'older';
}

/** Absent = it is gone. Otherwise why it stays. */
export type Stays = string | undefined;

export interface Kept {
  readonly thing: Made;
  readonly why: string;
}

/**
 * Takes back what the setup made, the last first, and strikes it out of the journal. What somebody else uses by now, and what cannot be
 * proven to be ours, stays and is returned; machines are never touched. Throws only when the host cannot be asked.
 */
export async function undo(things: readonly Made[], work: UndoWork, journal: Journal): Promise<Kept[]> {
  const kept: Kept[] = [];
  // Rights go first: whoever has some afterwards is somebody else.
  const latest = things.toReversed();
  for (const thing of [...latest.filter(isAccess), ...latest.filter((one) => !isAccess(one))]) {
    const why = await takeBack(thing, work);
    if (why === undefined) await journal.drop(thing);
    else kept.push({ thing, why });
    work.say(why === undefined ? `removed: ${nameOf(thing)}` : `stays: ${nameOf(thing)}: ${why}`);
  }
  return kept;
}

function isAccess({ kind }: Made): boolean {
  return ['role', 'privileges', 'user', 'token', 'right'].includes(kind);
}

async function takeBack(thing: Made, work: UndoWork): Promise<Stays> {
  try {
    switch (thing.kind) {
      case 'content':
      case 'pool':
      case 'member':
      case 'image':
      case 'snippet':
      case 'template':
        return await takeBackGuest(thing, work);
      case 'role':
      case 'privileges':
      case 'user':
      case 'token':
      case 'right':
        return await takeBackAccess(thing, work);
      default:
        return thing satisfies never;
    }
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    const reason = reasonOf(error);
    // With nobody there, or without rights, all the others would say the same.
    if (reason === 'unreachable' || reason === 'certificate' || reason === 'unauthorized') throw error;
    return error.message;
  }
}
