import type { ApiTransport } from '../../src/provisioner/cloud/transport.ts';
import type { PluginDeps } from '../../src/provisioner/index.ts';
import { type Actions, createActions } from './actions.ts';
import { createApi, type DoApi } from './api.ts';
import { type Budget, createBudget } from './budget.ts';
import { createClient, type DoClient } from './client.ts';
import type { DigitalOceanSettings } from './schema.ts';

/** What belongs to one API token: targets with the same token share it, because the API counts their requests together. */
export interface TokenAccess {
  readonly client: DoClient;
  readonly api: DoApi;
  readonly budget: Budget;
  readonly actions: Actions;
  close(): void;
}

export function createAccess(
  transport: ApiTransport,
  settings: Pick<DigitalOceanSettings, 'api_token' | 'reserve_requests' | 'request_timeout_seconds'>,
  { clock, random, log }: Pick<PluginDeps, 'clock' | 'random' | 'log'>,
): TokenAccess {
  const budget = createBudget({ clock, random, reserve: settings.reserve_requests });
  const timeoutMs = settings.request_timeout_seconds * 1000;
  const client = createClient({ transport, budget, clock, random, token: settings.api_token, timeoutMs });
  const api = createApi(client);
  const { settle, close } = createActions({ api, budget, clock, log });
  return { client, api, budget, actions: { settle }, close };
}
