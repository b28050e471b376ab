import { createHash } from 'node:crypto';

/** What belongs to one set of credentials, for everybody in this process who has them. */
export interface Shares<T> {
  /** The same value for the same key texts, opened by the first who asks. `release` gives it back; the last one closes it. */
  get(
    keyTexts: readonly string[],
    open: () => Promise<{ readonly value: T; readonly close: () => Promise<void> }>,
  ): Promise<{ readonly value: T; release(): Promise<void> }>;
}

export function createShares<T>(): Shares<T> {
  interface Shared {
    readonly opened: Promise<{ readonly value: T; readonly close: () => Promise<void> }>;
    users: number;
  }
  /** By a digest, which stays in this process: the texts hold secrets. */
  const shared = new Map<string, Shared>();
  return {
    async get(keyTexts, open) {
      const key = createHash('sha256').update(JSON.stringify(keyTexts)).digest('hex');
      const entry = shared.get(key) ?? { opened: open(), users: 0 };
      shared.set(key, entry);
      entry.users += 1;
      const { value, close } = await entry.opened.catch((error: unknown) => {
        shared.delete(key);
        throw error;
      });
      let released = false;
      return {
        value,
        async release() {
          if (released) return;
          released = true;
          entry.users -= 1;
          if (entry.users > 0) return;
          shared.delete(key);
          await close();
        },
      };
    },
  };
}
