import type { ContractId } from '../ports/ids.ts';
import type { Finding } from '../provisioner/contract.ts';

/**
 * The port through which the daemon gives machines behind this host's address their way to the outside. Routes are desired state: the
 * ledger says which there are, and `apply` makes the kernel, the web server and the names so, whatever they were before.
 */
export interface Gateway {
  /** The address that tenants reach this host under. */
  readonly publicIp: string;

  /**
   * Whose answers reach this host when it asks a machine without a port in between: everybody's, or only those of machines that have
   * ports, since what others send from a tenant's bridge is dropped as forged.
   */
  readonly hears: 'everybody' | 'machines with ports';

  /** The name of a route as tenants are told it; undefined where routes have no names. */
  nameOf(route: Route): string | undefined;

  /**
   * Makes exactly these routes and no others of ours: what is not listed is closed before anything is opened. Repeatable; where
   * everything is as it should be, it changes nothing. One transaction each for the kernel and the web server, so nobody ever sees
   * half of it. A route that may not be (outside the allowed ranges, or in conflict with another one) is left out and named in
   * `refused`: one bad record never holds up the others. Throws GatewayError when nothing could be made at all.
   */
  apply(routes: readonly Route[], signal: AbortSignal): Promise<Applied>;

  /**
   * Whether what comes in at the public address arrives at this very machine: an SSH handshake through the public port, which the
   * machine signs over our own random bytes, and the kernel's word that the answer came from the machine's address. Costs one connection.
   */
  prove(route: Route, signal: AbortSignal): Promise<Proof>;

  /** Bytes of every route since its counter was made; a counter may restart at 0 at any time, the caller adds up. */
  traffic(signal: AbortSignal): Promise<readonly RouteTraffic[]>;

  /** What of this host stands in the way, for doctor and start-up; changes nothing. */
  check(signal: AbortSignal): Promise<readonly Finding[]>;

  /** Frees sockets. Closes no route: tenants keep their ports while the agent is down. */
  close(): Promise<void>;
}

/** How outsiders reach one machine. */
export interface Route {
  readonly contract: ContractId;
  /** Six characters of a-z and 0-9, unique on the platform. */
  readonly slug: string;
  /**
   * First of `portCount` public ports. As the platform's web pages tell tenants: the first leads to the machine's SSH (TCP), the
   * next four to TCP 10001 to 10004, the rest to UDP 10005 and up.
   */
  readonly firstPort: number;
  readonly portCount: number;
  readonly machine: {
    /** The address that we gave it, not one that it claims. */
    readonly ipv4: string;
    readonly ipv6?: string;
    /** Of its network card, where the backend tells: then no other machine can use its address. */
    readonly mac?: string;
    /** The fingerprint of its SSH host key (`SHA256:…`), where it must be that one: then `prove` insists on it. */
    readonly hostKey?: string;
    readonly sshPort: number;
  };
  readonly web?: Web;
  /** The month's allowance is used up: what `[gateway] throttle_mbit` says is all that it gets. */
  readonly pace?: 'slow';
}

/** How its web server is reached by name. */
export interface Web {
  /** Where it listens: 80, or 443 with `tls`, when absent. */
  readonly port?: number;
  /** `machine`: it ends TLS itself, and nobody on the way reads along. */
  readonly tls?: 'machine';
  /** Names of the tenant's own, beside the one that every machine has. */
  readonly names?: readonly string[];
}

export interface Applied {
  /** Something was not as it should be and was repaired: private words for the log. */
  readonly repaired: readonly string[];
  /** Routes that were not made and will not be until their record changes, with the reason, by contract. */
  readonly refused: ReadonlyMap<ContractId, string>;
  /** Names and certificates that are not there yet, by contract; tried again with the next `apply`. */
  readonly missing: ReadonlyMap<ContractId, string>;
}

export type Proof =
  | { readonly ok: true }
  /** `stranger`: somebody answers there, and it is not this machine. */
  | { readonly ok: false; readonly why: string; readonly stranger?: true };

export interface RouteTraffic {
  readonly contract: ContractId;
  /** To the machine. */
  readonly bytesIn: number;
  /** From the machine. */
  readonly bytesOut: number;
}

/**
 * | kind | meaning |
 * |---|---|
 * | retry | the helper or the kernel did not answer, or refused for now |
 * | config | it will not work until somebody changes something: rights, ranges, a missing program |
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly kind: 'retry' | 'config';

  constructor(kind: 'retry' | 'config', message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}
