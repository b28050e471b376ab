import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type ServerChannel } from 'ssh2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { buildImage, noEngine, tellEngine, whySkipped } from '../../provisioners/docker/test-engine.ts';
import { login, makeKey } from '../../provisioners/docker/test-login.ts';
import { openTarget, type TestTarget } from '../../provisioners/docker/test-target.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { Secret } from '../ports/secret.ts';
import { freshOperation, operation } from '../provisioner/conformance/operations.ts';
import type { Instance } from '../provisioner/contract.ts';
import { MAX_SCRIPT_BYTES, type Recipe, runRecipe } from './recipe.ts';
import type { RootAccess } from './recipe-session.ts';
import { supervisor } from './recipe-supervisor.ts';
import { sshFingerprint } from './ssh-key.ts';

const key = makeKey();

function recipe(script: string, more: Partial<Recipe> = {}): Recipe {
  return { operation: freshOperation(), script, env: {}, limitSeconds: 30, ...more };
}

function run(access: RootAccess, what: Recipe, signal = new AbortController().signal, clock: Clock = systemClock) {
  return runRecipe(access, what, { clock, signal });
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

describe('a machine that means harm', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  const hostPair = makeKey();
  const parsed = ssh2.utils.parseKey(hostPair.privateKey);
  if (parsed instanceof Error) throw parsed;
  const hostKey = sshFingerprint(parsed.getPublicSSH());

  test('and cuts off every hand-over is unreachable when its time is over, and has nothing to run', async () => {
    const commands: string[] = [];
    const access = await serve((command, channel) => {
      commands.push(command);
      if (command.startsWith('if [')) return answer(channel, 'absent\n');
      channel.once('data', () => channel.close());
    });
    expect(await run(access, recipe('x'.repeat(60_000)), undefined, hastyClock(30))).toMatchObject({
      state: 'unreachable',
    });
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => command.endsWith(' await'))).toEqual([]);
  });

  test.each<[string, (channel: ServerChannel) => void]>([
    ['says nothing', () => {}],
    ['ends without an exit code', (channel) => channel.close()],
  ])('and %s is unreachable when its time is over', async (_, respond) => {
    const access = await serve((_command, channel) => respond(channel));
    expect(await run(access, recipe('x'), undefined, hastyClock())).toMatchObject({ state: 'unreachable' });
  });

  test('and never closes what has ended is believed by its exit code', async () => {
    const access = await serve((command, channel) => {
      channel.write(command.startsWith('if [') ? 'begun\n' : 'end 3 in-time 7\nbye\n');
      channel.exit(0);
    });
    expect(await run(access, recipe('x'))).toEqual({
      state: 'finished',
      exit: 3,
      inTime: 'yes',
      seconds: 7,
      output: 'bye\n',
    });
  });

  test.each<[string, 'out' | 'err']>([
    ['output', 'out'],
    ['errors', 'err'],
  ])('and floods with %s is let go of', async (_, where) => {
    let written = 0;
    const access = await serve((_command, channel) => {
      const sink = where === 'out' ? channel : channel.stderr;
      const flood = (): void => {
        written += 65_536;
        if (written < 2 ** 30 && channel.writable) sink.write(Buffer.alloc(65_536), flood);
      };
      flood();
    });
    expect(await run(access, recipe('x'))).toEqual({ state: 'unsound', why: 'It sends more than was asked for.' });
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });

  test('and is not there at all is unreachable when its time is over', async () => {
    const access = { host: '127.0.0.1', port: 1, hostKey, privateKey: new Secret(key.privateKey) };
    expect(await run(access, recipe('x'), undefined, hastyClock())).toMatchObject({ state: 'unreachable' });
  });

  test('holds nobody who wants to leave', async () => {
    const stop = new AbortController();
    const access = await serve(() => stop.abort(new Error('enough')));
    await expect(run(access, recipe('x'), stop.signal)).rejects.toThrow('enough');
  });

  async function serve(onCommand: (command: string, channel: ServerChannel) => void): Promise<RootAccess> {
    const server = new ssh2.Server({ hostKeys: [hostPair.privateKey] }, (client) => {
      client.on('error', () => {});
      client.on('authentication', (context) => context.accept());
      client.on('session', (accept) => {
        accept().on('exec', (begin, _reject, { command }) => {
          const channel = begin();
          channel.on('error', () => {});
          onCommand(command, channel);
        });
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    return { host: '127.0.0.1', port, hostKey, privateKey: new Secret(key.privateKey) };
  }

  function answer(channel: ServerChannel, text: string): void {
    channel.write(text);
    channel.exit(0);
    channel.close();
  }
});

describe('what is handed over', () => {
  test('is a program that a plain shell can read, whatever the variables hold', () => {
    const directory = mkdtempSync(join(tmpdir(), 'dc-recipe-'));
    const file = join(directory, 'supervise');
    writeFileSync(file, supervisor(recipe('x', { env: { A: "'\\''\n$(reboot)`id`\0", B: '' } })));
    execFileSync('/bin/sh', ['-n', file]);
    expect(readFileSync(file, 'utf8')).not.toContain('\0');
    rmSync(directory, { recursive: true });
  });

  test('is refused when it is no recipe', async () => {
    const nowhere = { host: '127.0.0.1', port: 1, hostKey: 'SHA256:x', privateKey: new Secret(key.privateKey) };
    await expect(run(nowhere, recipe('x'.repeat(MAX_SCRIPT_BYTES + 1)))).rejects.toThrow(RangeError);
    expect(() => supervisor(recipe('x', { env: { 'A;reboot': 'x' } }))).toThrow(RangeError);
  });
});

/** A minute takes 60 ms, or what it is told to. */
function hastyClock(times = 1000): Clock {
  const began = systemClock.monotonic();
  return {
    now: systemClock.now,
    monotonic: () => began + (systemClock.monotonic() - began) * times,
    after: (ms, fn) => systemClock.after(ms / times, fn),
  };
}
