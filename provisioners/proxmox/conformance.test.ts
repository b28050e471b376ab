import { describe, test } from 'vitest';
import { passwordMatches } from '../../simulators/proxmox/guests/crypt.ts';
import { authorizedKeys, guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { memoryGuests } from '../../simulators/proxmox/guests/memory.ts';
import { switchOff } from '../../simulators/proxmox/qemu/boot.ts';
import type { Guest, GuestDriver } from '../../simulators/proxmox/state.ts';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import type { ExternalId } from '../../src/provisioner/index.ts';
import { openStage, type Stage } from './fixtures.ts';
import type { PveRequest, PveResponse } from './transport.ts';

for (const personality of ['9.1', '8.4'] as const) {
  provisionerConformance({
    name: `proxmox ${personality}`,
    open: async () => {
      const stage = openStage({ personality, driver: KEYED });
      if (personality === '9.1')
        stage.grant(
          `/pool/${stage.pool}`,
          'VM.GuestAgent.FileRead',
          'VM.GuestAgent.FileWrite',
          'VM.GuestAgent.Unrestricted',
        );
      return bench(stage);
    },
    // Every rule has a cluster of its own, and most of its time is waiting.
    describe: describe.concurrent,
    test,
  });
}

/** Machines that have made a host key when they are up. */
const KEYED: GuestDriver = {
  ...memoryGuests,
  async started(guest, documents) {
    await memoryGuests.started(guest, documents);
    const key = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${'K'.repeat(44)} root@guest\n`;
    guestDisk(guest).files.set('/etc/ssh/ssh_host_ed25519_key.pub', key);
  },
};

const CLONE = { method: 'POST', path: '/nodes/*/qemu/*/clone' } as const;

function bench(stage: Stage): Bench {
  const { core, wire, provisioner, order, machinesOf, addStranger, addTwin } = stage;
  const { faults, cluster, pve, admin } = core;
  const guest = (id: ExternalId) => {
    const found = cluster.guests.get(Number(id));
    if (found === undefined) throw new Error(`there is no machine ${id}`);
    return found;
  };
  const lasting = (fate: 'refused' | 'swallowed') => async () => {
    wire.fate = () => fate;
    return async () => {
      wire.fate = undefined;
    };
  };
  const nextList = (change: (rows: unknown[]) => unknown[]) => async () => {
    wire.rewrite = (request, answer) => {
      if (!request.path.startsWith('/api2/json/cluster/resources')) return undefined;
      wire.rewrite = undefined;
      return { ...answer, body: JSON.stringify({ data: change(rowsOf(answer)) }) };
    };
  };
  return {
    provisioner,
    order,
    count: async (stamp) => machinesOf(stamp).length,
    keys: async (id) => authorizedKeys(guestDisk(guest(id)), userOf(guest(id))),
    passwordOpens: async (id, password) =>
      passwordMatches(password, guestDisk(guest(id)).passwords.get(userOf(guest(id))) ?? ''),
    foreign: {
      add: async ({ name }) => addStranger(name),
      exists: async (id) => cluster.guests.has(Number(id)),
    },
    faults: {
      loseCreateAnswer: async () => void faults.add({ ...CLONE, fault: { kind: 'drop-after' } }),
      loseCreateRequest: async () => void faults.add({ ...CLONE, fault: { kind: 'drop-before' } }),
      refuseCreate: async () =>
        void faults.add({
          ...CLONE,
          fault: { kind: 'status', status: 500, reason: 'unable to create image: out of space' },
        }),
      denyCreate: async () =>
        void faults.add({ ...CLONE, fault: { kind: 'status', status: 500, reason: 'got no answer', processed: true } }),
      ignoreDestroy: async () => void faults.add({ task: 'qmdestroy', fault: { kind: 'dead-worker' } }),
      partialList: nextList((rows) => rows.map((row) => (isTemplate(row) ? row : { type: 'qemu' }))),
      emptyList: nextList(() => []),
      unreachable: lasting('refused'),
      failing: async () => {
        wire.rewrite = failure;
        return async () => {
          wire.rewrite = undefined;
        };
      },
      silent: lasting('swallowed'),
      loseMachine: async (id) => void cluster.guests.delete(Number(id)),
      powerOff: async (id) => switchOff(pve, guest(id)),
      giveIdToStranger: async (id) => void admin.replaceGuest(Number(id)),
      duplicate: async (id) => addTwin(id),
    },
    cleanup: () => stage.close(),
  };
}

function userOf({ config }: Guest): string {
  return config.get('ciuser') ?? 'root';
}

function failure(_request: PveRequest, answer: PveResponse): PveResponse {
  const message = 'ipcc_send_rec failed: Connection refused';
  return { ...answer, status: 500, statusText: message, body: JSON.stringify({ data: null, message }) };
}

function rowsOf({ body }: PveResponse): unknown[] {
  const { data } = JSON.parse(body) as { data: unknown[] };
  return data;
}

function isTemplate(row: unknown): boolean {
  return typeof row === 'object' && row !== null && 'vmid' in row && row.vmid === 9000;
}
