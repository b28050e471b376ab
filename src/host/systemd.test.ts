import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { silentLog } from '../ports/log.ts';
import { type ServiceManager, serviceManager } from './systemd.ts';

let directory: string;
let time: VirtualTime;
let alive: boolean;
let warnings: string[];
let warned: () => void;
const environment = { ...process.env };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-systemd-'));
  time = new VirtualTime();
  alive = true;
  warnings = [];
  warned = () => {};
});

afterEach(async () => {
  for (const key of ['PATH', 'NOTIFY_SOCKET', 'RECORDER']) restore(key);
  await rm(directory, { recursive: true, force: true });
});

function restore(key: string): void {
  if (environment[key] === undefined) delete process.env[key];
  else process.env[key] = environment[key];
}

function manager(env: NodeJS.ProcessEnv): ServiceManager {
  const log = {
    ...silentLog,
    warn: (_fields: object, message: string) => {
      warnings.push(message);
      warned();
    },
  };
  return serviceManager({ env, clock: time, log, alive: () => alive });
}

/** A `systemd-notify` that tells this test what it was called with. */
async function installRecorder(): Promise<{ next: () => Promise<string[]>; calls: string[][]; close: () => void }> {
  const calls: string[][] = [];
  const socket = join(directory, 'recorder.sock');
  const server: Server = createServer((connection) => {
    let text = '';
    connection.setEncoding('utf8').on('data', (more: string) => (text += more));
    connection.on('end', () => {
      const call = JSON.parse(text) as string[];
      calls.push(call);
      server.emit('call', call);
    });
  });
  server.listen(socket);
  await once(server, 'listening');
  const program = join(directory, 'systemd-notify');
  const source = `require('node:net').connect(process.env.RECORDER).end(JSON.stringify(process.argv.slice(2)));`;
  await writeFile(program, `#!${process.execPath}\n${source}\n`);
  await chmod(program, 0o755);
  process.env['PATH'] = directory;
  process.env['RECORDER'] = socket;
  let read = 0;
  const next = async (): Promise<string[]> => {
    if (calls.length <= read) await once(server, 'call');
    return calls[read++] ?? [];
  };
  return { next, calls, close: () => server.close() };
}

describe('the service manager', () => {
  it('is told when start-up is over, and when shutdown begins', async () => {
    const { next, close } = await installRecorder();
    const service = manager({ NOTIFY_SOCKET: '/run/systemd/notify' });
    service.ready('serving 2 targets');
    expect(await next()).toEqual(['--no-block', '--ready', '--status=serving 2 targets']);
    service.stopping();
    expect(await next()).toEqual(['--no-block', 'STOPPING=1']);
    close();
  });

  it('hears of the watchdog twice in the time that it allows, while the agent is alive, and not after its end', async () => {
    const { next, calls, close } = await installRecorder();
    const service = manager({ NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '30000000' });
    service.ready('ready');
    const first = [await next(), await next()].map((call) => call.at(-1));
    expect(new Set(first)).toEqual(new Set(['--status=ready', 'WATCHDOG=1']));
    await time.advance(15_000);
    expect(await next()).toEqual(['--no-block', 'WATCHDOG=1']);
    alive = false;
    await time.advance(60_000);
    alive = true;
    await time.advance(15_000);
    expect(await next()).toEqual(['--no-block', 'WATCHDOG=1']);
    service.stopping();
    expect(await next()).toEqual(['--no-block', 'STOPPING=1']);
    await time.advance(120_000);
    expect(calls).toHaveLength(5);
    close();
  });

  it('is not told anything where there is none', async () => {
    const { calls, close } = await installRecorder();
    const service = manager({ WATCHDOG_USEC: '1000' });
    service.ready('ready');
    service.stopping();
    await time.advance(60_000);
    expect([calls, warnings]).toEqual([[], []]);
    close();
  });

  it('may be out of reach, which is said and harms nothing', async () => {
    process.env['PATH'] = directory;
    const heard = new Promise<void>((resolve) => (warned = resolve));
    manager({ NOTIFY_SOCKET: '/run/systemd/notify' }).ready('ready');
    await heard;
    expect(warnings).toEqual(['systemd could not be notified']);
  });
});

const PERL =
  'use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, pack_sockaddr_un($ARGV[0])) or die; print "bound\\n"; while (defined recv(S, $m, 4096, 0)) { $m =~ s/\\n/ /g; print "$m\\n" }';
const canListen = spawnSync('perl', ['-MSocket', '-e', '1']).status === 0;
const canNotify = spawnSync('systemd-notify', ['--version']).status === 0;

describe('a real notification socket', () => {
  it.skipIf(!canListen || !canNotify)('receives what systemd expects (needs perl and systemd-notify)', async () => {
    const socket = join(directory, 'notify');
    const listener = spawn('perl', ['-e', PERL, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
      const next = async (): Promise<string> => String((await lines.next()).value);
      expect(await next()).toBe('bound');
      process.env['NOTIFY_SOCKET'] = socket;
      const service = manager({ NOTIFY_SOCKET: socket });
      service.ready('all is well');
      expect(await next()).toMatch(/^READY=1 STATUS=all is well( |$)/);
      service.stopping();
      expect(await next()).toMatch(/STOPPING=1/);
    } finally {
      listener.kill();
    }
  });
});
