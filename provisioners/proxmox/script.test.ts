import { afterEach, describe, expect, it } from 'vitest';
import { guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { again } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { GuestScript, MachineOrder } from '../../src/provisioner/index.ts';
import { openStage, type Stage } from './fixtures.ts';
import { placeOf } from './script-runner.ts';

let stage: Stage;

afterEach(() => stage.close());

const RIGHTS = ['VM.GuestAgent.FileRead', 'VM.GuestAgent.FileWrite', 'VM.GuestAgent.Unrestricted'];

async function make() {
  stage.grant(`/pool/${stage.pool}`, ...RIGHTS);
  const order = stage.order();
  const { externalId } = await stage.provisioner.create(order, operation(order.stamp));
  const guest = stage.core.cluster.guests.get(Number(externalId));
  if (guest === undefined) throw new Error('no machine');
  return { order, ref: { stamp: order.stamp, externalId, handles: {} }, guest, files: guestDisk(guest).files };
}

const script = (content: string, more: Partial<GuestScript> = {}): GuestScript => ({
  content,
  environment: {},
  limitSeconds: 60,
  ...more,
});
const opOf = ({ stamp }: MachineOrder) => operation(stamp);

describe('a script by the guest agent', () => {
  it('is run once for each operation, and its end is found again', async () => {
    stage = openStage();
    const { order, ref, files } = await make();
    const op = opOf(order);
    const text = script('echo hello\nexit 3\n', { environment: { DC_NAME: "it's" } });
    const first = await stage.provisioner.runScript(ref, text, op);
    expect(first).toMatchObject({ exit: 3, timedOut: false, output: 'hello\n' });
    files.set(`${placeOf(op.id)}/last`, 'as it was\n');
    expect(await stage.open().runScript(ref, text, again(op))).toMatchObject({ exit: 3, output: 'as it was\n' });
    const left = [...files.keys()]
      .filter((path) => path.startsWith(placeOf(op.id)))
      .map((path) => path.split('/').at(-1));
    expect(new Set(left)).toEqual(new Set(['begun', 'exit', 'last', 'run']));
  });

  it('may be as large as 64 KiB, in any letters, and no larger', async () => {
    stage = openStage();
    const { order, ref, files } = await make();
    const head = 'echo done\n# ';
    const largest = head + 'ä'.repeat((65_536 - head.length) / 2);
    expect(await stage.provisioner.runScript(ref, script(largest), opOf(order))).toMatchObject({ output: 'done\n' });
    await expect(stage.provisioner.runScript(ref, script(`${largest}xx`), opOf(order))).rejects.toMatchObject({
      kind: 'permanent',
      publicText: expect.stringContaining('larger than 64 KiB'),
    });
    expect([...files.keys()].some((path) => path.includes('part-'))).toBe(false);
  });

  it('that is over its time says so, and shows no exit code', async () => {
    stage = openStage();
    const { order, ref } = await make();
    const end = await stage.provisioner.runScript(ref, script('sleep 100', { limitSeconds: 5 }), opOf(order));
    expect(end).toEqual({ timedOut: true, seconds: 5, output: '' });
  });

  it('goes through every answer that is lost, and is begun once', async () => {
    stage = openStage();
    const { order, ref, files } = await make();
    const told = async (fate: 'lost-before' | 'lost-after', n: number): Promise<void> => {
      const { stamp } = stage.order();
      const op = operation({ ...order.stamp, operation: stamp.operation });
      let count = 0;
      const run = (provisioner = stage.provisioner) => provisioner.runScript(ref, script('echo one'), again(op));
      const troubled = stage.open({
        fate: (_n, { path }) => (path.includes('/agent/') && count++ === n ? fate : undefined),
      });
      await run(troubled).catch((error: unknown) =>
        expect(error).toMatchObject({ kind: expect.stringMatching(/retry|unknown-outcome/) }),
      );
      const [begun, end] = [`${placeOf(op.id)}/begun`, `${placeOf(op.id)}/last`];
      if (files.has(begun)) files.set(end, 'the first time\n');
      expect(await run(), `${fate} ${n}`).toMatchObject({
        exit: 0,
        output: files.get(end) === 'one\n' ? 'one\n' : 'the first time\n',
      });
    };
    await Promise.all(
      Array.from({ length: 14 }, (_, n) => Promise.all([told('lost-before', n), told('lost-after', n)])),
    );
  });

  it('that was cut off by the end of its machine is never run again', async () => {
    stage = openStage();
    const { order, ref, files } = await make();
    const op = opOf(order);
    const controller = new AbortController();
    const running = stage.provisioner.runScript(ref, script('sleep infinity'), { ...op, signal: controller.signal });
    const stopped = running.catch((error: unknown) => error);
    await expect.poll(() => files.has(`${placeOf(op.id)}/begun`)).toBe(true);
    controller.abort(new Error('the agent stops'));
    expect(await stopped).toMatchObject({ kind: expect.stringMatching(/retry|unknown-outcome/) });
    await stage.provisioner.stop(ref, opOf(order));
    await stage.provisioner.start(ref, opOf(order));
    await expect(stage.provisioner.runScript(ref, script('echo again'), again(op))).rejects.toMatchObject({
      kind: 'permanent',
      publicText: 'The deployment was cut off.',
    });
  });

  it('that never shows an end is given up some time after its limit', async () => {
    stage = openStage();
    const { order, ref } = await make();
    const run = stage.provisioner.runScript(ref, script('sleep infinity', { limitSeconds: 1 }), opOf(order));
    await expect(run).rejects.toMatchObject({
      kind: 'permanent',
      message: expect.stringContaining('no end of it shows'),
    });
  });

  it('waits for an agent that comes late, and is refused without its right, or on somebody else’s machine', async () => {
    stage = openStage();
    const { order, ref, guest } = await make();
    guest.guest.agent = false;
    const run = stage.provisioner.runScript(ref, script('echo late'), opOf(order));
    setTimeout(() => (guest.guest.agent = true), 300);
    expect(await run).toMatchObject({ exit: 0, output: 'late\n' });
    for (const [, privileges] of stage.core.cluster.roles) for (const right of RIGHTS) privileges.delete(right);
    const other = stage.order();
    const denied = stage.provisioner.runScript(
      ref,
      script('echo no'),
      operation({ ...order.stamp, operation: other.stamp.operation }),
    );
    await expect(denied).rejects.toMatchObject({ kind: 'config', message: expect.stringContaining('VM.GuestAgent') });
    stage.core.admin.replaceGuest(guest.vmid);
    await expect(stage.provisioner.runScript(ref, script('echo no'), opOf(order))).rejects.toMatchObject({
      kind: 'not-ours',
    });
  });
});
