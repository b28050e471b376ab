import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Asker } from './ask.ts';
import { checkLocation } from './location.ts';
import type { SetupOptions } from './options.ts';

/** Throws Failure when the pool of the setup token is not where this host seems to be, and nobody says that it is. */
export async function askAboutLocation(
  { token, location, yes }: SetupOptions,
  zone: string,
  io: Io,
  ask: Asker | undefined,
): Promise<void> {
  const { doubt, pool } = checkLocation(token, location, zone);
  if (doubt === undefined) return;
  if (ask !== undefined && !yes) {
    io.err(doubt);
    if (await ask.confirm('Is that where this host is?', 'no')) return;
  }
  throw new Failure({
    what: doubt,
    next: `If this host is there, say so with --location ${pool ?? ''}; else take a token of the right pool. This one is not spent.`,
  });
}

/** `where`: what would be changed. */
export async function agree(where: string, ask: Asker | undefined): Promise<void> {
  if (await ask?.confirm('Go on?', 'yes')) return;
  throw new Failure({ what: `it was not begun: nothing was changed ${where}, and the setup token is not spent` });
}
