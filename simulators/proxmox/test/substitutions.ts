/** Names that a host makes up, such as UPIDs and digests: what the recorded host called them, and what the simulated one does. */
export class Substitutions {
  /** When the last task was ordered, by the simulated clock. */
  taskAt: number | undefined;
  readonly #names = new Map<string, string>();

  /** Compares two answers of the same shape and notes every made-up name. */
  learn(recorded: unknown, simulated: unknown): void {
    if (typeof recorded === 'string' && typeof simulated === 'string') {
      if (isMadeUp(recorded) && isMadeUp(simulated)) this.#names.set(recorded, simulated);
      return;
    }
    if (recorded === null || simulated === null || typeof recorded !== 'object' || typeof simulated !== 'object')
      return;
    for (const [key, value] of Object.entries(recorded)) {
      const other = (simulated as Record<string, unknown>)[key];
      // A process inside a guest is asked for by its number.
      if (key === 'pid' && typeof value === 'number') this.#names.set(`pid=${value}`, `pid=${String(other)}`);
      else this.learn(value, other);
    }
  }

  /** In the words of the simulated host. */
  apply(text: string): string {
    let result = text;
    for (const [recorded, simulated] of this.#names) {
      result = result.replaceAll(recorded, simulated);
      // Clients differ in what they escape: all of it, or all but the exclamation mark.
      result = result.replaceAll(encodeURIComponent(recorded), encodeURIComponent(simulated));
    }
    return result;
  }
}

function isMadeUp(text: string): boolean {
  return text.startsWith('UPID:') || /^[0-9a-f]{40}$/.test(text);
}
