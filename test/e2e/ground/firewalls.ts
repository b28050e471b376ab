import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../packaging/run.ts';
import { installPackages } from './packages.ts';
import type { Pulse } from './pulse.ts';

/** Another program that makes rules, in one network namespace. */
export interface Firewall {
  stop(): Promise<void>;
}

export interface Firewalld extends Firewall {
  /** `firewall-cmd` with these words. */
  cmd(...words: readonly string[]): Promise<string>;
}

/** Keeps everything but the network as it is: `ip netns exec` would hide the control groups that an engine needs. */
const inside = (namespace: string, ...command: readonly string[]): readonly string[] => [
  `--net=/run/netns/${namespace}`,
  ...command,
];

/** A Docker engine with its own rules, as Debian packages it. */
export async function startDocker(namespace: string, directory: string, pulse: Pulse): Promise<Firewall> {
  if (!existsSync('/usr/sbin/dockerd')) await installPackages('docker.io', 'iptables');
  await mkdir(directory, { recursive: true });
  const paths = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const socket = join(directory, 'docker.sock');
  const engine = start(
    inside(namespace, 'dockerd', '--host', `unix://${socket}`, ...paths, '--pidfile', join(directory, 'pid')),
  );
  await pulse.until('a Docker engine', () => engine.isUp() && answers(socket), engine.said);
  return {
    async stop() {
      await engine.stop();
      for (const mounted of await mountsBelow(directory)) await must('umount', mounted);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** firewalld with a bus of its own. Its package is unpacked and not installed: that would make it this host's firewall. */
export async function startFirewalld(namespace: string, directory: string, pulse: Pulse): Promise<Firewalld> {
  await installPackages(
    'dbus',
    'python3-firewall',
    'python3-dbus',
    'python3-gi',
    'gir1.2-glib-2.0',
    'python3-nftables',
  );
  await mkdir(directory, { recursive: true });
  await must('sh', '-c', `cd ${directory} && apt-get -qq download firewalld && dpkg-deb -x firewalld_*.deb .`);
  const address = `unix:path=${join(directory, 'bus')}`;
  await writeFile(join(directory, 'bus.conf'), busConfig(address));
  const bus = start(['dbus-daemon', `--config-file=${join(directory, 'bus.conf')}`, '--nofork', '--nopidfile']);
  await pulse.until('a bus', () => bus.isUp() && existsSync(join(directory, 'bus')), bus.said);
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: address };
  const places = [
    '--system-config',
    join(directory, 'etc/firewalld'),
    '--default-config',
    join(directory, 'usr/lib/firewalld'),
  ];
  const program = ['/usr/bin/python3', join(directory, 'usr/sbin/firewalld'), '--nofork', '--nopid', ...places];
  const daemon = start(inside(namespace, ...program, '--log-file', join(directory, 'log')), env);
  const cmd = (...words: readonly string[]) =>
    run('/usr/bin/python3', [join(directory, 'usr/bin/firewall-cmd'), ...words], { env });
  await pulse.until('firewalld', async () => daemon.isUp() && (await cmd('--state')).code === 0, daemon.said);
  return {
    async cmd(...words) {
      const { code, stdout, stderr } = await cmd(...words);
      if (code !== 0) throw new Error(`firewall-cmd ${words.join(' ')} ended with ${code}: ${stderr}`);
      return stdout;
    },
    async stop() {
      await daemon.stop();
      await bus.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function busConfig(address: string): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>${address}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
`;
}

interface Daemon {
  isUp(): boolean;
  said(): string;
  stop(): Promise<void>;
}

/** A command for `nsenter`, or, where it names no namespace, a program as it is. */
function start(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Daemon {
  const [first = '', ...rest] = command[0]?.startsWith('--net=') ? ['nsenter', ...command] : command;
  const child = spawn(first, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const note = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-8_192);
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const isUp = (): boolean => isRunning(child);
  return {
    isUp() {
      if (!isUp()) throw new Error(`${first} ended: ${said}`);
      return true;
    },
    said: () => said,
    async stop() {
      if (isUp()) child.kill('SIGTERM');
      await gone;
    },
  };
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

async function answers(socket: string): Promise<boolean> {
  return (await run('curl', ['-sf', '--unix-socket', socket, 'http://engine/_ping'])).code === 0;
}

async function mountsBelow(directory: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? []);
  return mounts.filter((path) => path.startsWith(`${directory}/`)).reverse();
}

async function must(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr}`);
}
