import type { PluginDeps, Secret } from '../../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from '../client.ts';
import { createProject } from '../project.ts';
import { type HetznerTransport, httpsTransport } from '../transport.ts';

/** A project while it is being set up: there are no settings yet. */
export interface SetupProject {
  readonly client: HetznerClient;
  /** For calls that the operator waits for. */
  readonly asking: Asking;
  close(): Promise<void>;
}

export interface SetupInput {
  readonly endpoint: string;
  readonly token: Secret;
  readonly deps: Pick<PluginDeps, 'clock' | 'random' | 'log'>;
  readonly signal: AbortSignal;
  /** In place of HTTPS. */
  readonly transport?: HetznerTransport;
}

export async function openSetup({ endpoint, token, deps, signal, transport }: SetupInput): Promise<SetupProject> {
  const opened = transport === undefined ? await httpsTransport(endpoint) : { transport, close: async () => {} };
  // Setting up may use what is there: the operator is waiting, and it is a handful of requests.
  const settings = { token, reserve_requests: 0, request_timeout_seconds: 15 };
  const project = createProject(opened.transport, settings, deps);
  return {
    client: project.client,
    asking: { lane: 'make', signal },
    async close() {
      project.close();
      await opened.close();
    },
  };
}
