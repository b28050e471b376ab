/** The hosts that the make-believe hypervisor manages. A lost one is out of the API's sight; its machines run on. */
export interface Nodes {
  readonly names: readonly string[];
  isUp(name: string | undefined): boolean;
  anyUp(): boolean;
  allUp(): boolean;
  /** Throws on a name that is none. */
  set(name: string, state: 'up' | 'lost'): void;
  /** The one with the fewest machines of those that are up; the first of all when none is. */
  choose(machines: Iterable<{ readonly node?: string }>): string;
}

export function createNodes(count: number): Nodes {
  const names = Array.from({ length: Math.max(1, count) }, (_, index) => `node-${index + 1}`);
  const lost = new Set<string>();
  const [first = 'node-1'] = names;
  return {
    names,
    isUp: (name) => name === undefined || !lost.has(name),
    anyUp: () => lost.size < names.length,
    allUp: () => lost.size === 0,
    set(name, state) {
      if (!names.includes(name)) throw new Error(`the sandbox has no node ${name}; it has ${names.join(', ')}`);
      if (state === 'lost') lost.add(name);
      else lost.delete(name);
    },
    choose(machines) {
      if (names.length === 1) return first;
      const load = new Map(names.filter((name) => !lost.has(name)).map((name) => [name, 0]));
      for (const { node = '' } of machines) {
        const before = load.get(node);
        if (before !== undefined) load.set(node, before + 1);
      }
      let [best, least] = [first, Number.POSITIVE_INFINITY];
      for (const [name, machinesThere] of load) if (machinesThere < least) [best, least] = [name, machinesThere];
      return best;
    },
  };
}
