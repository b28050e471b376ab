import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, noEngine, tellEngine, whySkipped } from '../../provisioners/docker/test-engine.ts';
import { login, makeKey } from '../../provisioners/docker/test-login.ts';
import { openTarget, type TestTarget } from '../../provisioners/docker/test-target.ts';
import { type Recipe, type RootAccess, sshFingerprint, systemGuest } from '../../src/guest/index.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { Secret } from '../../src/ports/secret.ts';
import { freshOperation, operation } from '../../src/provisioner/conformance/operations.ts';
import type { Instance } from '../../src/provisioner/contract.ts';

const key = makeKey();

function recipe(script: string, more: Partial<Recipe> = {}): Recipe {
  return { operation: freshOperation(), script, env: {}, limitSeconds: 30, ...more };
}

function run(access: RootAccess, what: Recipe, signal = new AbortController().signal) {
  return systemGuest.runRecipe(access, what, { clock: systemClock, signal });
}

describe.skipIf(noEngine)(`a recipe in a machine with a real SSH server${whySkipped}`, () => {
  let target: TestTarget;
  let machine: Instance;
  let access: RootAccess;
  beforeAll(async () => {
    await buildImage();
    target = await openTarget();
    const order = target.order({ sshKey: key.publicKey });
    machine = await target.provisioner.create(order, operation(order.stamp));
    const { hostKey } = await login(machine, key.privateKey, 'true');
    const { host, port } = machine.ssh ?? { host: '', port: 0 };
    access = {
      host,
      port,
      hostKey: sshFingerprint(Buffer.from(hostKey, 'base64')),
      privateKey: new Secret(key.privateKey),
    };
  }, 300_000);
  afterAll(() => target?.cleanup());

  test('runs as root, with its variables as they are, and leaves only its marks', async () => {
    const env = { PLAIN: 'x', SLY: `'; echo "sly" $(id) \`id\` \\ \n two` };
    const what = recipe('id -un; pwd; umask; printf %s "$SLY"; echo oops >&2', { env });
    expect(await run(access, what)).toEqual({
      state: 'finished',
      exit: 0,
      inTime: 'yes',
      seconds: expect.any(Number),
      output: `root\n/root\n0022\n${env.SLY}oops\n`,
    });
    const place = `/var/lib/dc-agent/recipe-${what.operation}`;
    expect(await look(`stat -c %a ${place}; ls ${place}`)).toBe('700\nbegun\nend\noutput\npid\nsupervise\n');
  });

  test('keeps its own interpreter and its exit code, and tells the signal that ended it', async () => {
    const bash = await run(access, recipe('#!/bin/bash\nlist=(a b)\nexit ${#list[@]}'));
    expect(bash).toMatchObject({ state: 'finished', exit: 2, inTime: 'yes' });
    const killed = await run(access, recipe('kill -KILL $$'));
    expect(killed).toMatchObject({ state: 'finished', exit: 137, signal: 'SIGKILL', inTime: 'yes' });
    const missing = await run(access, recipe('#!/no/such/thing\n'));
    expect(missing).toMatchObject({ state: 'finished', exit: expect.toSatisfy((exit: number) => exit >= 126) });
  });

  test('runs once for its operation, however often and by how many it is asked for', async () => {
    const what = recipe('sleep 1; echo run >>/root/runs-once');
    const outcomes = await Promise.all([run(access, what), run(access, what), run(access, what)]);
    outcomes.push(await run(access, what));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ state: 'finished', exit: 0 });
    expect(await look('cat /root/runs-once')).toBe('run\n');
  });

  test('goes on when its connections are cut, and is found again', async () => {
    const what = recipe(
      'touch /root/cut-begun; while [ ! -e /root/cut-go ]; do sleep 0.1; done; echo run >>/root/cut-runs',
    );
    const going = run(access, what);
    await look('while [ ! -e /root/cut-begun ]; do sleep 0.1; done');
    // Every session but the listener, as a flaky line or a restarted server would end them.
    // From without the session that says so: whoever logs in is told to try again when the connection is closed.
    const kill = 'kill -9 $(ps -o pid,args | awk "/sshd[:].*root@notty/ { print \\$1 }")';
    await look(
      `printf '%s\\n' 'sleep 0.3' '${kill}' 'touch /root/cut-done' >/root/cut.sh; setsid sh /root/cut.sh </dev/null >/dev/null 2>&1 &`,
    );
    await look('while [ ! -e /root/cut-done ]; do sleep 0.1; done');
    await look('touch /root/cut-go');
    expect(await going).toMatchObject({ state: 'finished', exit: 0, output: '' });
    expect(await look('cat /root/cut-runs')).toBe('run\n');
  });

  test('is found by the agent that comes after one that was ended in the middle', async () => {
    const what = recipe(
      'touch /root/next-begun; while [ ! -e /root/next-go ]; do sleep 0.1; done; echo run >>/root/next-runs',
    );
    const end = new AbortController();
    const first = run(access, what, end.signal);
    await look('while [ ! -e /root/next-begun ]; do sleep 0.1; done');
    end.abort(new Error('the agent is ended'));
    await expect(first).rejects.toThrow('the agent is ended');
    await look('touch /root/next-go');
    expect(await run(access, what)).toMatchObject({ state: 'finished', exit: 0 });
    expect(await look('cat /root/next-runs')).toBe('run\n');
  });

  test('that is not done in time is ended with all that it started, also what left its group', async () => {
    const script = `sleep 7001 & setsid sleep 7002 & setsid sh -c 'trap "" TERM; sleep 7003; sleep 7004' & wait`;
    const outcome = await run(access, recipe(script, { limitSeconds: 1 }));
    expect(outcome).toMatchObject({ state: 'finished', inTime: 'no' });
    expect(await look('ps | grep -c "[s]leep 700"')).toBe('0\n');
  });

  test('that is done may leave a daemon, which is not waited for; what it holds ends with it', async () => {
    const outcome = await run(access, recipe('sleep 8001 & echo done'));
    expect(outcome).toMatchObject({ state: 'finished', exit: 0, inTime: 'yes', output: 'done\n' });
    expect(await look('ps | grep -c "[s]leep 8001"')).toBe('1\n');
    await look('kill $(pidof sleep)');
    await look('while ps | grep -q "[s]upervise"; do sleep 0.1; done');
  });

  test('that floods is heard to its end, and little of it is kept', async () => {
    const outcome = await run(access, recipe('yes flood | head -c 30000000; exit 4'));
    expect(outcome).toMatchObject({ state: 'finished', exit: 4 });
    expect(outcome.state === 'finished' && outcome.output.length).toBeLessThanOrEqual(16 * 1024);
    expect(await look('cat /var/lib/dc-agent/*/output | wc -c | awk \'$1 > 8000000 { print "too much" }\'')).toBe('');
  });

  test('whose supervisor is ended, or whose machine restarts, is interrupted and not run again', async () => {
    const what = recipe(
      'echo run >>/root/killed-runs; kill -9 $(cat /var/lib/dc-agent/recipe-"$DC_RECIPE_ID"/pid); sleep 1',
    );
    expect(await run(access, what)).toEqual({ state: 'interrupted' });
    expect(await run(access, what)).toEqual({ state: 'interrupted' });
    expect(await look('cat /root/killed-runs')).toBe('run\n');
  });

  test('that ends the SSH server is heard of again once there is one', async () => {
    const outcome = run(access, recipe('kill 1; sleep 100'));
    // The container starts again, as a machine with a supervisor of its own would.
    expect(await outcome).toEqual({ state: 'interrupted' });
    expect((await tellEngine('GET', `/containers/${machine.externalId}/json`)).includes('"Running":true')).toBe(true);
  });

  test('with a forged end is told as the machine tells it, and nonsense as nonsense', async () => {
    const forged = recipe('echo never');
    const place = `/var/lib/dc-agent/recipe-${forged.operation}`;
    await look(
      `mkdir -p ${place}; touch ${place}/begun; printf '#!/bin/sh\\necho "end 0 in-time 1"\\n' >${place}/supervise`,
    );
    expect(await run(access, forged)).toMatchObject({ state: 'finished', exit: 0, output: '' });
    await look(`printf '#!/bin/sh\\necho "end 0 well done"\\n' >${place}/supervise`);
    expect(await run(access, forged)).toMatchObject({ state: 'unsound' });
    await look(`printf '#!/bin/sh\\nexec yes end 0\\n' >${place}/supervise`);
    expect(await run(access, forged)).toMatchObject({ state: 'unsound', why: 'It sends more than was asked for.' });
  });

  test('is given to nobody with another host key, and a key that is not known is told as that', async () => {
    const what = recipe('touch /root/strange');
    const stranger = { ...access, hostKey: `SHA256:${'A'.repeat(43)}` };
    expect(await run(stranger, what)).toEqual({ state: 'wrong-host-key', hostKey: access.hostKey });
    const unknown = { ...access, privateKey: new Secret(makeKey().privateKey) };
    expect(await run(unknown, what)).toEqual({ state: 'key-refused' });
    expect(await look('ls /root/strange 2>&1 | grep -c "No such"')).toBe('1\n');
  });

  async function look(command: string): Promise<string> {
    return (await login(machine, key.privateKey, command)).output;
  }
});
