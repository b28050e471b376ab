/** A narrow passage: `name` says which, `width` how many may be inside at once. */
export interface Lane {
  readonly name: string;
  readonly width: number;
}

export interface Gate {
  /**
   * Resolves when there is room, in the order of asking, with the way out, which may be taken once or more. Rejects with the
   * signal's reason when it is aborted first; then nothing is held.
   */
  enter(lane: Lane, signal: AbortSignal): Promise<() => void>;
}

/**
 * Keeps calls that block a host's workers few. pvedaemon has three workers of one request each; a write that waits for a lock holds
 * its worker for up to 10 s, and what queues behind it may come back as 596 without having been run.
 */
export function createGate(): Gate {
  const lanes = new Map<string, { inside: number; waiting: Set<() => void> }>();
  return {
    enter({ name, width }, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      const lane = lanes.get(name) ?? { inside: 0, waiting: new Set() };
      lanes.set(name, lane);
      const leave = once(() => {
        lane.inside -= 1;
        const [next] = lane.waiting;
        if (next !== undefined) next();
        else if (lane.inside === 0) lanes.delete(name);
      });
      if (lane.inside < width) {
        lane.inside += 1;
        return Promise.resolve(leave);
      }
      return new Promise((resolve, reject) => {
        const admit = (): void => {
          forget();
          lane.inside += 1;
          resolve(leave);
        };
        const onAbort = (): void => {
          forget();
          reject(signal.reason);
        };
        const forget = (): void => {
          lane.waiting.delete(admit);
          signal.removeEventListener('abort', onAbort);
        };
        lane.waiting.add(admit);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
}

function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fn();
  };
}
