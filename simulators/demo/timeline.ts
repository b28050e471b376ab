import type { AgentEvent } from '../../src/telemetry/event-stream.ts';
import { followEvents } from '../../src/telemetry/follow.ts';
import { DemoFailure } from './failure.ts';

/** The running agent's own account of what it does, as it does it. */
export class Timeline {
  readonly #events = new Map<string, AgentEvent[]>();
  readonly #waiting = new Set<() => void>();
  readonly #listener: (event: AgentEvent) => void;

  constructor(listener: (event: AgentEvent) => void) {
    this.#listener = listener;
  }

  /**
   * Follows the agent that started at `startedAt`, from its first event on, until the signal is aborted or the agent is gone.
   * Rejects when events were missed: a time line with holes would tell wrong figures.
   */
  async follow(socketPath: string, startedAt: number, signal: AbortSignal): Promise<void> {
    for await (const { kind, data } of followEvents(socketPath, signal, `${startedAt}-0`)) {
      if (kind === 'reset') throw new DemoFailure('the agent’s events came faster than they could be followed');
      if (isEvent(data)) this.#take(data);
    }
  }

  /** What is known of one contract, oldest first. */
  of(contract: string): readonly AgentEvent[] {
    return this.#events.get(contract) ?? [];
  }

  /** Resolves once the contract has an event of this type; rejects with the signal's reason when that is aborted first. */
  reached(contract: string, type: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', onAbort);
      };
      const look = (): void => {
        if (!this.of(contract).some((event) => event.type === type)) return;
        done();
        resolve();
      };
      const onAbort = (): void => {
        done();
        reject(signal.reason);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(look);
      look();
    });
  }

  #take(event: AgentEvent): void {
    const { contract } = event;
    if (contract === undefined) return;
    this.#events.set(contract, [...this.of(contract), event]);
    this.#listener(event);
    for (const look of this.#waiting) look();
  }
}

function isEvent(data: unknown): data is AgentEvent {
  return (
    typeof data === 'object' &&
    data !== null &&
    'at' in data &&
    typeof data.at === 'number' &&
    'type' in data &&
    typeof data.type === 'string' &&
    'text' in data &&
    typeof data.text === 'string'
  );
}
