import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { again, operation } from '../../src/provisioner/conformance/operations.ts';
import { type Instance, type MachineOrder, silentLog, systemClock } from '../../src/provisioner/index.ts';
import { EngineClient } from './client.ts';
import { Engine } from './engine.ts';
import { runRecipe } from './recipe.ts';
import { buildImage, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const key = makeKey();

describe.skipIf(noEngine)(`post-provision scripts${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(async () => {
    await buildImage();
    target = await openTarget();
  }, 300_000);
  afterAll(() => target?.cleanup());

  test('are declared', () => {
    expect(target.provisioner.capabilities.recipes).toBe(true);
  });

  test('have run when the machine is handed back, as root, with what they need to know, and the tenant reads how it went', async () => {
    const order = ordered(`id -un >/root/seen
      pwd >>/root/seen
      umask >>/root/seen
      echo "$DC_CONTRACT_ID $DC_OFFERING_ID $DC_MACHINE_NAME $HOME" >>/root/seen`);
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const expected = `root\n/root\n0022\n${order.stamp.contract} ${order.offering} ${order.name} /root\n`;
    expect(await look(machine, 'cat /root/seen')).toBe(expected);
    expect(machine.additionalDetails).toMatch(/^The post-provision script ended well after \d+ s\.$/);
    // The script may hold secrets: only its mark stays, and only root sees that.
    const place = `/var/lib/dc-agent/recipe-${order.stamp.operation}`;
    expect(await look(machine, `stat -c %a ${place}; ls ${place}`)).toBe('700\nbegun\nexit\nrun\n');
  });

  test('keep their own interpreter', async () => {
    const order = ordered('#!/bin/bash\nlist=(a b c)\necho "${#list[@]} $BASH_VERSION" >/root/seen');
    const machine = await target.provisioner.create(order, operation(order.stamp));
    expect(await look(machine, 'cut -c1-3 /root/seen')).toBe('3 5\n');
  });

  test('run once for each operation, however often it is tried', async () => {
    const order = ordered('echo run >>/root/runs');
    const op = operation(order.stamp);
    await target.provisioner.create(order, op);
    const machine = await target.provisioner.create(order, again(op));
    const reopened = await target.reopen();
    await reopened.create(order, again(op));
    expect(await look(machine, 'cat /root/runs')).toBe('run\n');
    expect(machine.additionalDetails).toMatch(/ended well/);
  });

  test('run once when the answer to their start is lost, at once or by two calls that overlap', async () => {
    for (const kind of ['drop-before', 'drop-after'] as const) {
      const order = ordered('sleep 1; echo run >>/root/runs');
      const op = operation(order.stamp);
      target.proxy.add({ call: /^POST \/exec\/.*\/start/, trouble: { kind } });
      const first = await target.provisioner.create(order, op).catch((error: unknown) => error);
      if (first instanceof Error) expect(first).toMatchObject({ kind: 'unknown-outcome' });
      const machine = await target.provisioner.create(order, again(op));
      expect(await look(machine, 'cat /root/runs')).toBe('run\n');
    }
    const order = ordered('sleep 1; echo run >>/root/runs');
    const [machine] = await Promise.all([
      target.provisioner.create(order, operation(order.stamp)),
      target.provisioner.create(order, again(operation(order.stamp))),
    ]);
    expect(await look(machine, 'cat /root/runs')).toBe('run\n');
  });

  test('are waited for by the agent that comes after one that was ended in the middle', async () => {
    const order = ordered('touch /root/begun; while [ ! -e /root/go ]; do sleep 0.1; done; echo run >>/root/runs');
    const end = new AbortController();
    const op = operation(order.stamp, { signal: end.signal });
    const started = target.proxy.arrival(/^GET \/exec\/.*\/json/);
    const first = target.provisioner.create(order, op);
    await started;
    end.abort(new Error('the agent is ended'));
    await expect(first).rejects.toMatchObject({ kind: 'unknown-outcome' });
    const looking = target.proxy.arrival(/recipe-\w+%2Fexit/);
    const reopened = await target.reopen();
    const second = reopened.create(order, again(op));
    await looking;
    const { instances } = await reopened.list({ signal: new AbortController().signal, log: silentLog });
    const machine = instances.find(({ stamp }) => stamp.contract === order.stamp.contract);
    if (machine === undefined) throw new Error('the machine is not listed');
    await look(machine, 'touch /root/go');
    expect((await second).additionalDetails).toMatch(/ended well/);
    expect(await look(machine, 'cat /root/runs')).toBe('run\n');
  });

  test('that fail are the end of the order, in words that hold nothing of them', async () => {
    const order = ordered('echo planted-secret; echo planted-secret >&2; exit 7');
    const said: unknown[] = [];
    const log = { ...silentLog, info: (fields: object) => void said.push(fields) };
    const op = { ...operation(order.stamp), log };
    const error = await target.provisioner.create(order, op).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'permanent', publicText: 'The post-provision script failed (exit 7).' });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('planted');
    expect(JSON.stringify(said)).toContain('planted-secret');
    // The agent removes it; another try must not make it look well.
    await expect(target.provisioner.create(order, again(op))).rejects.toMatchObject({ kind: 'permanent' });
    expect(await target.count(order.stamp)).toBe(1);
  });

  test.each([
    ['an interpreter that is not there', '#!/no/such/interpreter\n', 'failed (exit 12'],
    ['an end of its own machine', 'kill -9 -1; kill 1; sleep 60', 'was cut off'],
    [
      'a forged end',
      'for d in /var/lib/dc-agent/*; do echo 0 0; echo "well done" >$d/exit; done; kill -9 $PPID',
      'was cut off',
    ],
  ])('with %s fail', async (_, script, words) => {
    const order = ordered(script);
    const error = await target.provisioner.create(order, operation(order.stamp)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'permanent' });
    expect((error as { publicText: string }).publicText).toContain(words);
  });

  test('that flood are heard to the end, and daemons that keep the output open are not waited for', async () => {
    const order = ordered('yes flood | head -c 30000000; sleep 300 & echo done');
    const said: { output?: string }[] = [];
    const log = { ...silentLog, info: (fields: object) => void said.push(fields) };
    const machine = await target.provisioner.create(order, { ...operation(order.stamp), log });
    const output = said.find((fields) => fields.output !== undefined)?.output ?? '';
    expect(output.length).toBeLessThanOrEqual(16 * 1024);
    expect(output).toMatch(/done\n$/);
    expect(await look(machine, 'ps | grep -c "[s]leep 300"')).toBe('1\n');
  });

  test('that do not end in time are ended, also when they refuse the first signal', async () => {
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const engine = new Engine(
      new EngineClient({ socketPath: target.proxy.socketPath, clock: systemClock, timeoutMs: 30_000 }),
    );
    const container = await engine.inspect(machine.externalId, new AbortController().signal);
    if (container === undefined) throw new Error('the machine is gone');
    const long = { ...order, postProvisionScript: 'exec sleep 1000' };
    const error = await runRecipe(
      { engine, clock: systemClock, limitSeconds: 1 },
      container,
      long,
      operation(order.stamp),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ publicText: 'The post-provision script did not end within 1 s.' });
    expect(await look(machine, 'ps | grep -c "[s]leep 1000"')).toBe('0\n');
    await engine.close();
  });

  test('that a restart of the machine has cut off are not run again', async () => {
    const order = ordered('echo run >>/root/runs; sleep 1000');
    const end = new AbortController();
    const op = operation(order.stamp, { signal: end.signal });
    const started = target.proxy.arrival(/^GET \/exec\/.*\/json/);
    const first = target.provisioner.create(order, op);
    await started;
    end.abort(new Error('the agent is ended'));
    await expect(first).rejects.toMatchObject({ kind: 'unknown-outcome' });
    await tellEngine('POST', `/containers/${order.name}/restart?t=0`);
    await expect(target.provisioner.create(order, again(op))).rejects.toMatchObject({
      kind: 'permanent',
      publicText: 'The post-provision script was cut off.',
    });
  });

  function ordered(postProvisionScript: string): MachineOrder {
    return target.order({ sshKey: key.publicKey, postProvisionScript });
  }

  async function look(machine: Instance, command: string): Promise<string> {
    return (await login(machine, key.privateKey, command)).output;
  }
});
