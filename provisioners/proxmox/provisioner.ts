import { readFileSync } from 'node:fs';
import { type PluginDeps, type Provisioner, ProvisionerError } from '../../src/provisioner/index.ts';
import { setKeys, setPassword } from './access.ts';
import { adoptableMachines, adoptMachine } from './adopt.ts';
import { createBackend } from './backend-open.ts';
import { checkTarget } from './check.ts';
import { lookAtCloudInit } from './cloud-init.ts';
import { createMachine } from './create.ts';
import { destroyMachine, removeTwin } from './destroy.ts';
import { instanceOf } from './instance.ts';
import { takeInventory } from './inventory.ts';
import { listMachines } from './list.ts';
import { observeMachine } from './observe.ts';
import { requireOwned } from './owned.ts';
import { switchOff, switchOn } from './power.ts';
import type { ProxmoxSettings } from './schema.ts';
import { runScript } from './script.ts';
import { parseFingerprint, type Trust } from './tls.ts';
import { readTraffic } from './traffic.ts';
import { httpTransport, type PveTransport } from './transport.ts';
import { waitForAddress } from './wait-address.ts';

/** Proxmox VE as a backend: one virtual machine for each contract, cloned from a template. */
export function openProxmox(
  settings: ProxmoxSettings,
  deps: PluginDeps,
  transport = transportOf(settings, deps),
): Required<Omit<Provisioner, 'newPassword'>> {
  const backend = createBackend(settings, deps, transport);
  return {
    capabilities: { readiness: 'ssh', healthCheck: true, loginUser: true },
    check: (ctx) => checkTarget(backend, ctx),
    inventory: (ctx) => takeInventory(backend, ctx),
    list: (ctx) => listMachines(backend, ctx),
    create: (order, op) => createMachine(backend, order, op),
    observe: (ref, ctx) => observeMachine(backend, ref, ctx),
    destroy: (ref, op) => destroyMachine(backend, ref, op),
    removeTwin: (twin, keep, op) => removeTwin(backend, twin, keep, op),
    async start(ref, op) {
      const machine = await requireOwned(backend, ref, op);
      const status = await switchOn(backend, machine, op);
      const addresses = await waitForAddress(backend, machine, op);
      return instanceOf(machine, 'running', settings, addresses, status.uptime);
    },
    stop: async (ref, op) => switchOff(backend, await requireOwned(backend, ref, op), 'gently', op),
    setKeys: (ref, keys, op) => setKeys(backend, ref, keys, op),
    setPassword: (ref, password, op) => setPassword(backend, ref, password, op),
    runScript: (ref, script, op) => runScript(backend, ref, script, op),
    cloudInit: (ref, ctx) => lookAtCloudInit(backend, ref, ctx),
    adoptable: (ctx) => adoptableMachines(backend, ctx),
    async adopt({ externalId }, { contract, operation }, ctx) {
      await adoptMachine(backend, { vmid: Number(externalId), contract, operation }, 'stamp', ctx);
    },
    traffic: (ctx) => readTraffic(backend, ctx),
    close: () => transport.close(),
  };
}

function transportOf(settings: ProxmoxSettings, { clock }: PluginDeps): PveTransport {
  return httpTransport(settings.api_url, trustOf(settings), clock);
}

/** A pinned certificate or an authority of one's own says what to believe; `verify_ssl = false` beside it is an old file's. */
export function trustOf({
  verify_ssl,
  ca_file,
  fingerprint,
}: Pick<ProxmoxSettings, 'verify_ssl' | 'ca_file' | 'fingerprint'>): Trust {
  if (!verify_ssl && ca_file === undefined && fingerprint === undefined) return { how: 'unchecked' };
  const pinned = fingerprint === undefined ? undefined : parseFingerprint(fingerprint);
  return {
    how: 'checked',
    ...(ca_file === undefined ? {} : { ca: readAuthority(ca_file) }),
    ...(pinned === undefined ? {} : { fingerprint: pinned }),
  };
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ProvisionerError('config', `ca_file '${path}' cannot be read`, { cause });
  }
}
