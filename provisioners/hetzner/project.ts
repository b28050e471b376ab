import type { PluginDeps } from '../../src/provisioner/index.ts';
import { type Actions, createActions } from './actions.ts';
import { createApi, type HetznerApi } from './api.ts';
import { type Budget, createBudget } from './budget.ts';
import { createClient, type HetznerClient } from './client.ts';
import type { HetznerSettings } from './schema.ts';
import type { HetznerTransport } from './transport.ts';

/** What belongs to one API token: targets with the same token share it, because the API counts their requests together. */
export interface Project {
  readonly client: HetznerClient;
  readonly api: HetznerApi;
  readonly budget: Budget;
  readonly actions: Actions;
  close(): void;
}

export function createProject(
  transport: HetznerTransport,
  settings: Pick<HetznerSettings, 'token' | 'reserve_requests' | 'request_timeout_seconds'>,
  { clock, random, log }: Pick<PluginDeps, 'clock' | 'random' | 'log'>,
): Project {
  const budget = createBudget({ clock, random, reserve: settings.reserve_requests });
  const timeoutMs = settings.request_timeout_seconds * 1000;
  const client = createClient({ transport, budget, clock, random, token: settings.token, timeoutMs });
  const api = createApi(client);
  const { settle, close } = createActions({ api, budget, clock, log });
  return { client, api, budget, actions: { settle }, close };
}
