import type { PluginDeps } from '../../src/provisioner/index.ts';
import { createAddressBook } from './address-book.ts';
import { createPve } from './api.ts';
import type { Backend } from './backend.ts';
import { createFacts } from './facts.ts';
import { createGate } from './gate.ts';
import { createIds } from './ids.ts';
import { createPowerNotes } from './power-notes.ts';
import { createRegistry } from './registry.ts';
import { createReservations } from './reservations.ts';
import type { ProxmoxSettings } from './schema.ts';
import { createShared } from './shared.ts';
import { createLastSamples } from './traffic-last.ts';
import type { PveTransport } from './transport.ts';

/** Everything that the rooms of the plugin share, new for each open target. Asks nothing of the host yet. */
export function createBackend(
  settings: ProxmoxSettings,
  { agent, clock, random, log }: PluginDeps,
  transport: PveTransport,
): Backend {
  const credentials = { how: 'token', id: settings.api_token_id, secret: settings.api_token_secret } as const;
  const pve = createPve(transport, credentials, { clock, log });
  return {
    pve,
    settings,
    agent,
    clock,
    random,
    gate: createGate(),
    facts: createFacts(pve, clock),
    looks: createShared(clock),
    roundups: createShared(clock),
    ids: createIds({ first: settings.vmid_start, last: settings.vmid_end }, clock, random),
    registry: createRegistry(pve, settings, agent, clock),
    book: createAddressBook(),
    reservations: createReservations(clock),
    lastSamples: createLastSamples(),
    powerNotes: createPowerNotes(clock),
    silence: { until: 0 },
    chosen: new Map(),
  };
}
