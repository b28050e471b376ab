import type { Clock } from '../../src/ports/clock.ts';

export interface Workers {
  /**
   * Runs `fn` in one of the node's workers. Resolves to `gave up` when none was free in time: the request was dropped
   * without having been run.
   */
  run<T>(node: string, fn: () => Promise<T>): Promise<{ readonly done: T } | 'gave up'>;
}

/** pvedaemon keeps three workers, and each does one request at a time. */
const WORKERS = 3;
/** So long does pveproxy hold a request for a busy daemon before it answers 596. */
const PATIENCE_MS = 10_000;

/** The workers of pvedaemon on every node. */
export function createWorkers(clock: Clock): Workers {
  const nodes = new Map<string, { busy: number; readonly queue: (() => void)[] }>();

  function enter(name: string): Promise<boolean> {
    const node = nodes.get(name) ?? { busy: 0, queue: [] };
    nodes.set(name, node);
    if (node.busy < WORKERS) {
      node.busy += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const begin = (): void => {
        cancel();
        resolve(true);
      };
      const cancel = clock.after(PATIENCE_MS, () => {
        node.queue.splice(node.queue.indexOf(begin), 1);
        resolve(false);
      });
      node.queue.push(begin);
    });
  }

  function leave(name: string): void {
    const node = nodes.get(name);
    if (!node) return;
    const next = node.queue.shift();
    if (next) next();
    else node.busy -= 1;
  }

  return {
    async run(node, fn) {
      if (!(await enter(node))) return 'gave up';
      try {
        return { done: await fn() };
      } finally {
        leave(node);
      }
    },
  };
}
