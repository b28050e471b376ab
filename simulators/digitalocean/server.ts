import { type GuestDoors, openGuestDoors } from '../cloud/guests.ts';
import { startHttp } from '../cloud/http.ts';
import { admin } from './admin-http.ts';
import type { DoCore } from './core.ts';

export interface DoServerInput {
  readonly core: DoCore;
  /** On 127.0.0.1; any free one unless given. */
  readonly port?: number;
  /**
   * Every droplet has an SSH server at its address, on this port. Needs `addresses: 'loopback'`, and ports below 1024 need rights.
   * Absent: nobody answers at the addresses.
   */
  readonly sshPort?: number;
  readonly onProblem?: (problem: string) => void;
}

export interface DoServer {
  /** What a client is given as its endpoint: `http://127.0.0.1:PORT/v2`. */
  readonly endpoint: string;
  /** Stops answering. The account stays in the core, as it was. */
  close(): Promise<void>;
}

/** Serves the core over real HTTP and, where asked, its guests over real SSH. */
export async function startDo({ core, port = 0, sshPort, onProblem = () => {} }: DoServerInput): Promise<DoServer> {
  const http = await startHttp({ handle: (call) => core.handle(call), admin: (request) => admin(core, request) }, port);
  const doors: GuestDoors | undefined =
    sshPort === undefined ? undefined : await openGuestDoors(core, { port: sshPort, onProblem });
  return {
    endpoint: `${http.origin}/v2`,
    async close() {
      await Promise.all([http.close(), doors?.close()]);
    },
  };
}
