import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type ServerChannel } from 'ssh2';
import { afterEach, describe, expect, test } from 'vitest';
import { keyPair } from '../../simulators/sandbox/key-pair.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { Secret } from '../ports/secret.ts';
import { freshOperation } from '../provisioner/conformance/operations.ts';
import { MAX_SCRIPT_BYTES, type Recipe, runRecipe } from './recipe.ts';
import type { RootAccess } from './recipe-session.ts';
import { supervisor } from './recipe-supervisor.ts';
import { sshFingerprint } from './ssh-key.ts';

// What a real machine does is in test/e2e/recipe.test.ts.
const key = keyPair(ssh2);

function recipe(script: string, more: Partial<Recipe> = {}): Recipe {
  return { operation: freshOperation(), script, env: {}, limitSeconds: 30, ...more };
}

function run(access: RootAccess, what: Recipe, signal = new AbortController().signal, clock: Clock = systemClock) {
  return runRecipe(access, what, { clock, signal });
}

describe('a machine that means harm', () => {
  const undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0)) step();
  });

  const hostPair = keyPair(ssh2);
  const parsed = ssh2.utils.parseKey(hostPair.private);
  if (parsed instanceof Error) throw parsed;
  const hostKey = sshFingerprint(parsed.getPublicSSH());

  test('and cuts off every hand-over is unreachable when its time is over, and has nothing to run', async () => {
    const commands: string[] = [];
    const access = await serve((command, channel) => {
      commands.push(command);
      if (command.startsWith('if [')) return answer(channel, 'absent\n');
      if (command.startsWith('{ command -v cloud-init')) return answer(channel, '');
      channel.once('data', () => channel.close());
    });
    expect(await run(access, recipe('x'.repeat(60_000)), undefined, hastyClock(100))).toMatchObject({
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

  test.each([
    ['status: done\n', ''],
    ['status: error\n', 'cloud-init ended with an error'],
    ['unfinished\n', 'cloud-init had not ended after 300 s'],
  ])('in which cloud-init says %j is told of with what the script printed', async (said, concern) => {
    const access = await serve((command, channel) => {
      if (command.startsWith('if [')) return answer(channel, 'absent\n');
      if (command.startsWith('{ command -v cloud-init')) return answer(channel, said);
      if (command.endsWith(' await')) return answer(channel, 'end 0 in-time 1\nprinted\n');
      channel.on('data', () => {}).on('end', () => answer(channel, ''));
    });
    const end = await run(access, recipe('x'));
    expect(end).toMatchObject({ state: 'finished', exit: 0 });
    const { output } = end as { output: string };
    expect(output.startsWith(concern)).toBe(true);
    expect(output.endsWith('printed\n')).toBe(true);
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
    const access = { host: '127.0.0.1', port: 1, hostKey, privateKey: new Secret(key.private) };
    expect(await run(access, recipe('x'), undefined, hastyClock())).toMatchObject({ state: 'unreachable' });
  });

  test('holds nobody who wants to leave', async () => {
    const stop = new AbortController();
    const access = await serve(() => stop.abort(new Error('enough')));
    await expect(run(access, recipe('x'), stop.signal)).rejects.toThrow('enough');
  });

  async function serve(onCommand: (command: string, channel: ServerChannel) => void): Promise<RootAccess> {
    const server = new ssh2.Server({ hostKeys: [hostPair.private] }, (client) => {
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
    return { host: '127.0.0.1', port, hostKey, privateKey: new Secret(key.private) };
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
    const nowhere = { host: '127.0.0.1', port: 1, hostKey: 'SHA256:x', privateKey: new Secret(key.private) };
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
