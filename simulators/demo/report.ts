import { quantile, type Stretch } from './figures.ts';

/** What `--json` prints, and what the tables are made of. */
export interface DemoReport {
  readonly backend: { readonly type: string; readonly title: string; readonly simulated: boolean };
  readonly contracts: readonly ContractReport[];
  readonly summary: {
    readonly delivery: Spread;
    readonly removal: Spread;
  };
}

export interface ContractReport {
  readonly contract: string;
  readonly ssh: { readonly host: string; readonly port: number; readonly user: string };
  readonly login: { readonly command: string; readonly output: string };
  /** From the rental to the word that the machine is there. */
  readonly delivery: Stretch | undefined;
  /** From the cancellation to the word that it is gone. */
  readonly removal: Stretch | undefined;
}

export interface Spread {
  readonly median: Stretch | undefined;
  readonly p95: Stretch | undefined;
}

export function reportOf(backend: DemoReport['backend'], contracts: readonly ContractReport[]): DemoReport {
  const { type, title, simulated } = backend;
  const delivery = spread(contracts.map((one) => one.delivery));
  const removal = spread(contracts.map((one) => one.removal));
  return { backend: { type, title, simulated }, contracts, summary: { delivery, removal } };
}

function spread(stretches: readonly (Stretch | undefined)[]): Spread {
  const known = stretches.filter((stretch) => stretch !== undefined);
  return { median: quantile(known, 0.5), p95: quantile(known, 0.95) };
}
