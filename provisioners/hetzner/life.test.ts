import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HetznerChoices } from '../../simulators/hetzner/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { answer } from '../../src/provisioner/cloud/fixtures.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { Instance, Operation, OwnedRef } from '../../src/provisioner/index.ts';
import { silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played, refusalOf } from './fixtures.ts';
import { LABEL, stampLabels } from './labels.ts';

let clock: VirtualClock;
let opened: Opened;

function open(settings: Record<string, unknown> = {}, options: HetznerChoices = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings, options });
}

beforeEach(() => open());
afterEach(() => opened.close());

const context = () => ({ signal: new AbortController().signal, log: silentLog });
const refOf = ({ stamp, externalId }: Instance): OwnedRef => ({ stamp, externalId, handles: {} });
const calls = (call: string): number => opened.core.calls.get(call) ?? 0;
const play = <T>(act: (op: Operation) => Promise<T>, { stamp }: Pick<Instance, 'stamp'>): Promise<T> =>
  played(clock, act(operation(stamp)));

async function made(): Promise<Instance> {
  const order = sampleOrder(AGENT);
  return played(clock, opened.provisioner.create(order, operation(order.stamp)));
}

const truth = ({ externalId }: Instance) => {
  const server = opened.core.project.servers.get(Number(externalId));
  if (server === undefined) throw new Error(`there is no server ${externalId}`);
  return server;
};

describe('stopping', () => {
  test('lets the machine shut down by itself', async () => {
    const machine = await made();
    await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
    expect(truth(machine).status).toBe('off');
    expect(calls('POST /servers/{id}/actions/poweroff')).toBe(0);
  });

  test('switches off one that does not heed the signal, after its time', async () => {
    const machine = await made();
    opened.core.admin.setGuest(truth(machine).id, { acpi: false });
    const began = clock.monotonic();
    await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
    expect(truth(machine).status).toBe('off');
    expect(clock.monotonic() - began).toBeGreaterThanOrEqual(30_000);
    expect([calls('POST /servers/{id}/actions/shutdown'), calls('POST /servers/{id}/actions/poweroff')]).toEqual([
      1, 1,
    ]);
  });

  test('waits while somebody else’s action has the server locked', async () => {
    const machine = await made();
    opened.core.admin.lock(truth(machine).id, 40_000);
    await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
    expect(truth(machine).status).toBe('off');
  });
});

describe('starting', () => {
  test('never deletes a machine that stays off: it is the tenant’s', async () => {
    const machine = await made();
    opened.core.admin.powerOff(truth(machine).id);
    opened.core.admin.setGuest(truth(machine).id, { boots: false });
    const error = await refusalOf(play((op) => opened.provisioner.start(refOf(machine), op), machine));
    expect(error).toMatchObject({ kind: 'retry' });
    expect(truth(machine).status).toBe('off');
  });
});

describe('destroying', () => {
  test('is refused while the server is protected, and says whose turn it is', async () => {
    const machine = await made();
    truth(machine).protection.delete = true;
    const error = await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine));
    expect(error).toMatchObject({ kind: 'config' });
    expect(error.message).toContain('remove the protection');
    expect(truth(machine).status).toBe('running');
  });

  test('takes what the machine left with it, and nothing of another one', async () => {
    const [machine, other] = [await made(), await made()];
    const addressOf = (name: string, labels: Record<string, string>): void => {
      const body = JSON.stringify({ name, type: 'ipv4', location: 'fsn1', assignee_type: 'server', labels });
      const headers = { authorization: `Bearer ${'dcAgentHetznerSimulator'.padEnd(64, '0')}` };
      const { status } = opened.core.handle({ method: 'POST', path: '/v1/primary_ips', headers, body });
      expect(status).toBe(201);
    };
    addressOf('ours', stampLabels(machine.stamp));
    addressOf('others', stampLabels(other.stamp));
    addressOf('owners', {});
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    const left = [...opened.core.project.primaryIps.values()].filter(({ assignee }) => assignee === undefined);
    expect(left.map(({ name }) => name)).toEqual(['others', 'owners']);
  });

  test('does not believe a 404 that is not about the server', async () => {
    const machine = await made();
    for (const body of [{ error: { code: 'api_route_not_found', message: 'api route not found' } }, { oops: true }]) {
      for (let time = 0; time < 3; time++) opened.tampers.push({ before: () => answer(404, body) });
      await refusalOf(play((op) => opened.provisioner.destroy(refOf(machine), op), machine));
      opened.tampers.length = 0;
      expect(truth(machine).status).toBe('running');
    }
  });

  test('waits behind the action that has the server locked, and asks for the deletion again when it fails', async () => {
    const machine = await made();
    opened.core.admin.lock(truth(machine).id, 60_000);
    opened.core.faults.add({ call: 'DELETE /servers/{id}', skip: 1, fault: { kind: 'fail-action' } });
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    expect(opened.core.project.servers.size).toBe(0);
  });
});

describe('traffic', () => {
  const sampled = () => played(clock, opened.provisioner.traffic(context()));

  test('is the counter of the billing period as it is, so that a caller who adds up sees a new period begin', async () => {
    open({}, { bytesInPerSecond: 0, bytesOutPerSecond: 0 });
    const machine = await made();
    const { id } = truth(machine);
    let [sum, before] = [0, 0];
    for (const [days, bytes] of [
      [0, 7_000_000],
      [0, 2_000_000],
      [32, 1_500_000],
    ] as const) {
      await clock.advance(days * 86_400_000 + 3_600_000);
      opened.core.admin.addTraffic(id, 0, bytes);
      const [sample] = await sampled();
      expect(sample?.contract).toBe(machine.stamp.contract);
      const { bytesOut } = sample ?? { bytesOut: Number.NaN };
      sum += bytesOut < before ? bytesOut : bytesOut - before;
      before = bytesOut;
    }
    expect([sum, before]).toEqual([10_500_000, 1_500_000]);
  });

  test('is not told where Hetzner has none yet', async () => {
    const machine = await made();
    opened.core.admin.knowTraffic(truth(machine).id, false);
    expect(await sampled()).toEqual([]);
  });

  test('of a machine that is gone is told once more, as it was just before', async () => {
    const machine = await made();
    opened.core.admin.addTraffic(truth(machine).id, 5_000_000, 9_000_000);
    await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
    const [last] = await sampled();
    expect(last?.contract).toBe(machine.stamp.contract);
    expect(last?.bytesOut).toBeGreaterThanOrEqual(9_000_000);
    expect(await sampled()).toEqual([]);
  });
});

describe('a password', () => {
  test('cannot be reset where nobody knows of a guest agent', () => {
    expect(opened.provisioner.newPassword).toBeUndefined();
    open({ guest_agent: 'present', ssh_user: 'admin' });
    expect(opened.provisioner.newPassword).toBeUndefined();
  });

  test('is given back once the guest has it, and not when no agent answers', async () => {
    open({ guest_agent: 'present' });
    const machine = await made();
    const reset = () =>
      play(
        (op) => opened.provisioner.newPassword?.(refOf(machine), op) ?? Promise.reject(new Error('absent')),
        machine,
      );
    const { user, password } = await reset();
    expect(user).toBe('root');
    expect(password.reveal().length).toBeGreaterThan(7);
    opened.core.admin.setGuest(truth(machine).id, { agent: false });
    expect(await refusalOf(reset())).toMatchObject({ kind: 'config' });
  });

  test('whose answer was lost is nobody’s: the next one is another, and good', async () => {
    open({ guest_agent: 'present' });
    const machine = await made();
    const reset = async () => {
      const make = opened.provisioner.newPassword;
      if (make === undefined) throw new Error('absent');
      return play((op) => make(refOf(machine), op), machine);
    };
    opened.core.faults.add({ call: 'POST /servers/{id}/actions/reset_password', fault: { kind: 'drop-after' } });
    expect(await refusalOf(reset())).toMatchObject({ kind: 'retry' });
    await clock.advance(60_000);
    const lost = truth(machine).rootPassword;
    const { password } = await reset();
    expect(password.reveal()).toBe(truth(machine).rootPassword);
    expect(password.reveal()).not.toBe(lost);
  });
});

test('labels of ours that were damaged make the list incomplete, and the server is left alone', async () => {
  const machine = await made();
  const labels = { ...truth(machine).labels, [LABEL.contract]: 'cut' };
  opened.core.admin.setLabels(truth(machine).id, labels);
  const { complete, instances } = await played(clock, opened.provisioner.list(context()));
  expect([complete, instances]).toEqual([false, []]);
  expect(await refusalOf(play((op) => opened.provisioner.stop(refOf(machine), op), machine))).toMatchObject({
    kind: 'not-ours',
  });
});

test('a list is as old as it may be, and never older than what was done since', async () => {
  const list = () => played(clock, opened.provisioner.list(context()));
  expect((await list()).instances).toEqual([]);
  const machine = await made();
  expect((await list()).instances).toMatchObject([{ externalId: machine.externalId, power: 'running' }]);
  const before = calls('GET /servers');
  await list();
  expect(calls('GET /servers')).toBe(before);
  await play((op) => opened.provisioner.stop(refOf(machine), op), machine);
  expect((await list()).instances).toMatchObject([{ power: 'stopped' }]);
  await play((op) => opened.provisioner.destroy(refOf(machine), op), machine);
  expect((await list()).instances).toEqual([]);
});

test('a machine is not called absent while any list that should show it cannot be read', async () => {
  const machine = await made();
  const broken = (path: RegExp) =>
    opened.tampers.push({
      after: (request, response) =>
        path.test(request.path) ? { ...response, body: response.body.replaceAll('"labels"', '"lost"') } : undefined,
    });
  const hidden = (path: RegExp) =>
    opened.tampers.push({
      after: (request) =>
        path.test(request.path)
          ? answer(200, { servers: [], meta: { pagination: { next_page: null, total_entries: 0 } } })
          : undefined,
    });
  const [labels, name] = [/^\/servers\?label_selector/, /^\/servers\?name/];
  const observe = () => played(clock, opened.provisioner.observe({ stamp: machine.stamp, handles: {} }, context()));
  for (const [one, other] of [
    [labels, name],
    [name, labels],
  ] as const) {
    broken(one);
    hidden(other);
    expect(await refusalOf(observe())).toMatchObject({ kind: 'retry' });
    expect(opened.tampers).toEqual([]);
  }
  expect(await observe()).toMatchObject({ state: 'present' });
});
