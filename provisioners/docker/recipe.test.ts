import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { again, operation } from '../../src/provisioner/conformance/operations.ts';
import {
  type GuestScript,
  type Instance,
  type MachineOrder,
  type OwnedRef,
  ProvisionerError,
  type ScriptEnd,
} from '../../src/provisioner/index.ts';
import { buildImage, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const key = makeKey();

interface Bought {
  readonly machine: Instance;
  readonly order: MachineOrder;
  readonly ref: OwnedRef;
  run(content: string, more?: Partial<GuestScript>, op?: ReturnType<typeof operation>): Promise<ScriptEnd>;
}

describe.skipIf(noEngine)(`scripts in machines${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(async () => {
    await buildImage();
    target = await openTarget();
  }, 300_000);
  afterAll(() => target?.cleanup());

  test('run as root, with what they need to know, tell how they ended, and leave only their mark', async () => {
    const { run, machine, order } = await bought();
    const end = await run('id -un; pwd; umask; echo "$A $HOME"; echo oops >&2; exit 3', { environment: { A: "it's" } });
    expect(end).toMatchObject({ exit: 3, timedOut: false, seconds: expect.any(Number) });
    // Two streams: what comes first of both is chance.
    expect(end.output.split('\n').sort()).toEqual(['', '/root', '0022', "it's /root", 'oops', 'root']);
    const place = `/var/lib/dc-agent/recipe-${order.stamp.operation}`;
    expect(await look(machine, `stat -c %a ${place}; ls ${place}`)).toBe('700\nbegun\nexit\nrun\n');
  });

  test('keep their own interpreter', async () => {
    const { run } = await bought();
    const end = await run('#!/bin/bash\nlist=(a b c)\necho "${#list[@]}"');
    expect(end).toMatchObject({ exit: 0, output: '3\n' });
  });

  test('run once for each operation, however often, by whom and at what moment it is tried', async () => {
    const { run, machine, ref, order } = await bought();
    const script = 'sleep 1; echo run >>/root/runs; exit 4';
    const reopened = await target.reopen();
    const ends = await Promise.all([
      run(script),
      run(script, {}, again(operation(order.stamp))),
      reopened.runScript(ref, scriptOf(script), again(operation(order.stamp))),
    ]);
    ends.push(await run(script));
    for (const end of ends) expect(end).toMatchObject({ exit: 4, timedOut: false });
    expect(await look(machine, 'cat /root/runs')).toBe('run\n');
  });

  test.each(['drop-before', 'drop-after'] as const)(
    'run once when the answer to their start is lost: %s',
    async (kind) => {
      const { run, machine, order } = await bought();
      const script = 'sleep 1; echo run >>/root/runs';
      target.proxy.add({ call: /^POST \/exec\/.*\/start/, trouble: { kind } });
      const first = await run(script).catch((error: unknown) => error);
      if (first instanceof Error) expect(first).toMatchObject({ kind: 'unknown-outcome' });
      expect(await run(script, {}, again(operation(order.stamp)))).toMatchObject({ exit: 0 });
      expect(await look(machine, 'cat /root/runs')).toBe('run\n');
    },
  );

  test('are waited for by the agent that comes after one that was ended in the middle', async () => {
    const { run, machine, ref, order } = await bought();
    const script = 'touch /root/begun; while [ ! -e /root/go ]; do sleep 0.1; done; echo run >>/root/runs';
    const end = new AbortController();
    const started = target.proxy.arrival(/^GET \/exec\/.*\/json/);
    const first = run(script, {}, operation(order.stamp, { signal: end.signal }));
    await started;
    end.abort(new Error('the agent is ended'));
    await expect(first).rejects.toMatchObject({ kind: 'unknown-outcome' });
    const looking = target.proxy.arrival(/recipe-\w+%2Fexit/);
    const reopened = await target.reopen();
    const second = reopened.runScript(ref, scriptOf(script), again(operation(order.stamp)));
    await looking;
    await look(machine, 'touch /root/go');
    expect(await second).toMatchObject({ exit: 0 });
    expect(await look(machine, 'cat /root/runs')).toBe('run\n');
  });

  test.each([
    ['an end of its own machine', 'kill -9 -1; kill 1; sleep 60'],
    ['a forged end', 'for d in /var/lib/dc-agent/*; do echo 0 0; echo "well done" >$d/exit; done; kill -9 $PPID'],
  ])('with %s are cut off', async (_, script) => {
    const { run } = await bought();
    const error = await run(script).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProvisionerError);
    expect(error).toMatchObject({ kind: 'permanent', publicText: expect.stringContaining('was cut off') });
  });

  test('that flood are heard to the end, and daemons that keep the output open are not waited for', async () => {
    const { run, machine } = await bought();
    const { output } = await run('yes flood | head -c 30000000; sleep 300 & echo done');
    expect(output.length).toBeLessThanOrEqual(16 * 1024);
    expect(output).toMatch(/done\n$/);
    expect(await look(machine, 'ps | grep -c "[s]leep 300"')).toBe('1\n');
  });

  test('that do not end in time are ended', async () => {
    const { run, machine } = await bought();
    expect(await run('exec sleep 1000', { limitSeconds: 1 })).toMatchObject({ timedOut: true });
    expect(await look(machine, 'ps | grep -c "[s]leep 1000"')).toBe('0\n');
  });

  test('that a restart of the machine has cut off are not run again', async () => {
    const { run, order } = await bought();
    const script = 'echo run >>/root/runs; sleep 1000';
    const end = new AbortController();
    const started = target.proxy.arrival(/^GET \/exec\/.*\/json/);
    const first = run(script, {}, operation(order.stamp, { signal: end.signal }));
    await started;
    end.abort(new Error('the agent is ended'));
    await expect(first).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await tellEngine('POST', `/containers/${order.name}/restart?t=0`);
    await expect(run(script)).rejects.toMatchObject({ kind: 'permanent' });
  });

  function scriptOf(content: string, more: Partial<GuestScript> = {}): GuestScript {
    return { content, environment: {}, limitSeconds: 60, ...more };
  }

  async function bought(): Promise<Bought> {
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const ref = { stamp: order.stamp, externalId: machine.externalId, handles: {} };
    return {
      order,
      machine,
      ref,
      run: (content, more, op = operation(order.stamp)) =>
        target.provisioner.runScript(ref, scriptOf(content, more), op),
    };
  }

  async function look(machine: Instance, command: string): Promise<string> {
    return (await login(machine, key.privateKey, command)).output;
  }
});
