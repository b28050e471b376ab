import { startHttp } from '../cloud/http.ts';
import { admin } from './admin-http.ts';
import type { HetznerCore } from './core.ts';
import { startGuests } from './guests.ts';

export interface HetznerServerInput {
  readonly core: HetznerCore;
  /** On 127.0.0.1; any free one unless given. */
  readonly port?: number;
  /**
   * Every running server with an IPv4 address has an SSH server there, on this port. Needs `addresses: 'loopback'`, and ports below
   * 1024 need rights. Absent: nobody answers at the addresses.
   */
  readonly sshPort?: number;
  readonly onProblem?: (problem: string) => void;
}

export interface HetznerServer {
  /** What a client is given as its endpoint: `http://127.0.0.1:PORT/v1`. */
  readonly endpoint: string;
  /** Stops answering. The project stays in the core, as it was. */
  close(): Promise<void>;
}

/** Serves the core over real HTTP and, where asked, its guests over real SSH. Drops are real drops. */
export async function startHetzner({
  core,
  port = 0,
  sshPort,
  onProblem = () => {},
}: HetznerServerInput): Promise<HetznerServer> {
  const http = await startHttp({ handle: (call) => core.handle(call), admin: (request) => admin(core, request) }, port);
  const guests = sshPort === undefined ? undefined : await startGuests(core, { port: sshPort, onProblem });
  return {
    endpoint: `${http.origin}/v1`,
    async close() {
      await Promise.all([http.close(), guests?.close()]);
    },
  };
}
