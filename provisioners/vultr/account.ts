import type { PluginDeps } from '../../src/provisioner/index.ts';
import { createApi, type VultrApi } from './api.ts';
import type { Budget } from './budget.ts';
import { createClient, type VultrClient } from './client.ts';
import type { VultrSettings } from './schema.ts';
import type { VultrTransport } from './transport.ts';

/** One API key's way to the API. */
export interface Account {
  readonly client: VultrClient;
  readonly api: VultrApi;
}

export function createAccount(
  { transport, budget }: { readonly transport: VultrTransport; readonly budget: Budget },
  settings: Pick<VultrSettings, 'api_key' | 'request_timeout_seconds'>,
  { clock, random }: Pick<PluginDeps, 'clock' | 'random'>,
): Account {
  const timeoutMs = settings.request_timeout_seconds * 1000;
  const client = createClient({ transport, budget, clock, random, key: settings.api_key, timeoutMs });
  return { client, api: createApi(client) };
}
