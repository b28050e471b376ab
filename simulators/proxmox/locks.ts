import type { Clock } from '../../src/ports/clock.ts';
import { died } from './call.ts';

export interface Locks {
  /** See `Pve.locked`. */
  locked<T>(
    name: string,
    how: 'shared' | 'exclusive',
    waitMs: number,
    fn: () => Promise<T> | T,
    log?: (line: string) => void,
  ): Promise<T>;
}

interface Lock {
  holders: number;
  how: 'shared' | 'exclusive';
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly how: 'shared' | 'exclusive';
  readonly enter: () => void;
}

/** File locks of a host as flock(2) has them: shared or exclusive, waited for a limited time, first come first served. */
export function createLocks(clock: Clock): Locks {
  const locks = new Map<string, Lock>();

  function release(name: string, lock: Lock): void {
    lock.holders -= 1;
    while (lock.waiting[0] && fits(lock, lock.waiting[0].how)) {
      const next = lock.waiting.shift();
      if (!next) break;
      lock.holders += 1;
      lock.how = next.how;
      next.enter();
    }
    if (lock.holders === 0) locks.delete(name);
  }

  function acquire(name: string, how: 'shared' | 'exclusive', waitMs: number): Promise<'at once' | 'waited'> {
    const lock = locks.get(name) ?? { holders: 0, how, waiting: [] };
    locks.set(name, lock);
    if (lock.waiting.length === 0 && fits(lock, how)) {
      lock.holders += 1;
      lock.how = how;
      return Promise.resolve('at once');
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        how,
        enter() {
          cancel();
          resolve('waited');
        },
      };
      const cancel = clock.after(waitMs, () => {
        lock.waiting.splice(lock.waiting.indexOf(waiter), 1);
        reject(died(`can't lock file '${fileOf(name)}' - got timeout`));
      });
      lock.waiting.push(waiter);
    });
  }

  return {
    async locked(name, how, waitMs, fn, log) {
      if (log && locks.has(name) && !isFree(locks.get(name), how)) log('trying to acquire lock...');
      const entered = await acquire(name, how, waitMs);
      if (entered === 'waited') log?.(' OK');
      const lock = locks.get(name);
      try {
        return await fn();
      } finally {
        if (lock) release(name, lock);
      }
    },
  };
}

function fits(lock: Lock, how: 'shared' | 'exclusive'): boolean {
  return lock.holders === 0 || (lock.how === 'shared' && how === 'shared');
}

function isFree(lock: Lock | undefined, how: 'shared' | 'exclusive'): boolean {
  return !lock || (lock.waiting.length === 0 && fits(lock, how));
}

/** `qemu-101` and `storage-local` have files of their own form; anything else is a lock of pve-manager. */
function fileOf(name: string): string {
  const [, kind, rest] = /^(qemu|storage)-(.+)$/.exec(name) ?? [];
  if (kind === 'qemu') return `/var/lock/qemu-server/lock-${rest}.conf`;
  if (kind === 'storage') return `/var/lock/pve-manager/pve-storage-${rest}`;
  return `/var/lock/pve-manager/${name}`;
}
