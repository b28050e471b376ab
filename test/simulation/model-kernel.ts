import type { Route } from '../../src/gateway/port.ts';

/** Nobody may get a port within this time after it was closed for somebody else. */
const REST_MS = 3_600_000;

export interface ModelKernelOptions {
  readonly publicIp: string;
  readonly now: () => number;
  /** Told of what a gateway must never do, as it happens. */
  readonly blame: (text: string) => void;
  /** Told after each change of what is open. */
  readonly onChange: () => void;
}

/** What one host's kernel has of routes: it outlives every process there, and nothing of it outlives a reboot. */
export class ModelKernel {
  readonly publicIp: string;
  readonly #options: ModelKernelOptions;
  #routes = new Map<string, Route>();
  /** Bytes of every open route since it was made, and of every contract since ever. */
  #counters = new Map<string, number>();
  readonly moved = new Map<string, number>();
  /** By first port: for whom it was open last, and until when. Of the world, not of the kernel: nothing makes it forget. */
  readonly #last = new Map<number, { readonly contract: string; until: number }>();

  constructor(options: ModelKernelOptions) {
    this.publicIp = options.publicIp;
    this.#options = options;
  }

  get routes(): readonly Route[] {
    return [...this.#routes.values()];
  }

  /** When it was last emptied or bent from outside. */
  disturbedAt = -Infinity;

  /** Everything of the table is gone: a reboot, or somebody's `nft flush ruleset`. */
  flush(): void {
    this.disturbedAt = this.#options.now();
    this.#set([]);
  }

  /** Somebody's hand: one route is taken out. */
  lose(index: number): void {
    this.disturbedAt = this.#options.now();
    this.#set(this.routes.filter((_, position) => position !== index % Math.max(1, this.#routes.size)));
  }

  /** One transaction. Returns what was not as the caller had left it. */
  replace(routes: readonly Route[], before: ReadonlySet<string>): string[] {
    const missing = [...before].filter((key) => routes.some((route) => keyOf(route) === key) && !this.#has(key));
    this.#set(routes);
    return missing.map((key) => `${key} was missing`);
  }

  /** Some bytes go through every route. */
  move(bytes: number): void {
    for (const { contract } of this.#routes.values()) {
      this.#counters.set(contract, (this.#counters.get(contract) ?? 0) + bytes);
      this.moved.set(contract, (this.moved.get(contract) ?? 0) + bytes);
    }
  }

  get counters(): ReadonlyMap<string, number> {
    return this.#counters;
  }

  /** Where a connection to this port arrives: `address:port`. */
  leadsTo(port: number): string | undefined {
    for (const { firstPort, machine } of this.#routes.values())
      if (firstPort === port) return `${machine.ipv4}:${machine.sshPort}`;
    return undefined;
  }

  #has(key: string): boolean {
    return this.routes.some((route) => keyOf(route) === key);
  }

  #set(routes: readonly Route[]): void {
    const { blame, now, onChange } = this.#options;
    for (const { firstPort, contract } of this.#routes.values()) this.#last.set(firstPort, { contract, until: now() });
    this.#routes = new Map(routes.map((route) => [route.contract, route]));
    this.#counters = new Map([...this.#counters].filter(([contract]) => this.#routes.has(contract)));
    const ports = new Set<number>();
    for (const { firstPort, portCount, contract } of routes) {
      for (let port = firstPort; port < firstPort + portCount; port++) {
        if (ports.has(port)) blame(`port ${port} is given to two contracts`);
        ports.add(port);
      }
      const last = this.#last.get(firstPort);
      if (last !== undefined && last.contract !== contract && now() - last.until < REST_MS)
        blame(`port ${firstPort} was another contract's ${Math.round((now() - last.until) / 1000)} s ago`);
      this.#last.set(firstPort, { contract, until: now() });
    }
    onChange();
  }
}

export function keyOf({ contract, firstPort, machine }: Route): string {
  return `${contract.slice(0, 8)} ${firstPort} ${machine.ipv4}:${machine.sshPort}`;
}
