import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createWebServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { withCaddy } from '../../src/gateway/caddy.ts';
import { certificateFor, type Shown } from '../../src/gateway/certificate.ts';
import type { Gateway, Route } from '../../src/gateway/port.ts';
import { askAboutAccount } from '../../src/platform/acme-dns.ts';
import { createHttpTransport } from '../../src/platform/http-transport.ts';
import { sleep, systemClock } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { startDns } from './ground/dns.ts';
import { openLine } from './ground/line.ts';

/** Where `scripts/caddy-acme` put a Caddy with the acme-dns module, and Pebble. */
const built = process.env['DC_TEST_ACME'] ?? '';
const available = built !== '' && process.getuid?.() === 0;

const DC_ID = 'dc-test';
const ZONE = `${DC_ID}.gw.decent-cloud.org`;
const CHALLENGE = `_acme-challenge.${ZONE}`;
/** Any address of the loopback will do, at which nobody has port 53. */
const NAME_SERVER = '127.0.0.77';
const [AUTHORITY_PORT, HTTPS_PORT] = [14_077, 14_443];
const signal = AbortSignal.timeout(300_000);

const ports: Gateway = {
  publicIp: '127.0.0.1',
  hears: 'everybody',
  nameOf: () => undefined,
  apply: async () => ({ repaired: [], refused: new Map(), missing: new Map() }),
  prove: async () => ({ ok: true }),
  traffic: async () => [],
  check: async () => [],
  close: async () => {},
};

const route: Route = {
  contract: 'c0'.repeat(32) as ContractId,
  slug: 'alice0',
  firstPort: 20_000,
  portCount: 10,
  machine: { ipv4: '127.0.0.1', sshPort: 22 },
};

/** In a place of its own where names are asked for at our server. */
const WITH_OUR_NAMES = ['--mount', 'bash', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"'];

function start(said: RegExp, command: string, args: readonly string[], env: object = {}): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  return new Promise((resolve, reject) => {
    let heard = '';
    const hear = (chunk: Buffer): void => {
      heard += String(chunk);
      if (said.test(heard)) resolve(child);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('exit', () => reject(new Error(`${command} ended: ${heard.slice(-1000)}`)));
  });
}

describe.skipIf(!available)(
  'the wildcard certificate by acme-dns (needs root, and what scripts/caddy-acme builds in DC_TEST_ACME)',
  () => {
    let home: string;
    let platform: DevPlatform;
    let gateway: Gateway;
    const undo: (() => Promise<unknown> | undefined)[] = [];
    const account = { serverUrl: '', username: randomUUID(), password: 'secret-of-this-host', subdomain: '' };

    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'dc-acme-'));
      undo.push(() => rm(home, { recursive: true, force: true }));
      platform = await startDevPlatform({ host: '127.0.0.1' });
      undo.push(() => platform.close());
      const { username, password } = account;
      platform.core.state.gateways.set(DC_ID, { dcId: DC_ID, provider: platform.providerKey, username, password });
      Object.assign(account, { serverUrl: `${platform.url}/api/v1/acme-dns`, subdomain: username });
      const dns = await startDns({
        apex: 'decent-cloud.org',
        server: NAME_SERVER,
        txt: (name) => platform.core.state.txt.get(name),
      });
      undo.push(() => dns.close());
      const authority = await startAuthority();
      undo.push(() => ended(authority));
      const { caddy, socket } = await startCaddy();
      undo.push(() => ended(caddy));
      gateway = withCaddy(ports, {
        adminSocket: socket,
        zone: ZONE,
        publicIp: '127.0.0.1',
        kind: 'acme-dns',
        certificates: async () => ({
          kind: 'acme-dns',
          account,
          directory: `https://localhost:${AUTHORITY_PORT}/dir`,
        }),
      });
      undo.push(() => gateway.close());
    }, 60_000);
    afterAll(async () => {
      for (const step of undo.reverse()) await step();
    });

    const at = (name: string): string => join(built, name);

    async function startAuthority(): Promise<ChildProcess> {
      const file = join(home, 'pebble.json');
      const settings = {
        listenAddress: `127.0.0.1:${AUTHORITY_PORT}`,
        managementListenAddress: `127.0.0.1:${AUTHORITY_PORT + 1}`,
        certificate: at('localhost/cert.pem'),
        privateKey: at('localhost/key.pem'),
        httpPort: 5002,
        tlsPort: 5001,
      };
      await writeFile(file, JSON.stringify({ pebble: settings }));
      const args = ['-config', file, '-dnsserver', `${NAME_SERVER}:53`];
      return start(/ACME directory available/, at('pebble'), args, { PEBBLE_VA_NOSLEEP: '1' });
    }

    async function startCaddy(): Promise<{ caddy: ChildProcess; socket: string }> {
      const socket = join(home, 'admin.sock');
      const config = join(home, 'caddy.json');
      const names = join(home, 'resolv.conf');
      await writeFile(names, `nameserver ${NAME_SERVER}\n`);
      const admin = { listen: `unix/${socket}`, origins: ['localhost'] };
      await writeFile(
        config,
        JSON.stringify({ admin, apps: { http: { https_port: HTTPS_PORT, http_port: HTTPS_PORT + 1 } } }),
      );
      const env = { XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, HOME: home, SSL_CERT_FILE: at('pebble.minica.pem') };
      const args = [...WITH_OUR_NAMES, names, at('caddy'), 'run', '--config', config];
      return { socket, caddy: await start(/serving initial configuration/, 'unshare', args, env) };
    }

    async function served(): Promise<Shown> {
      const deadline = systemClock.monotonic() + 60_000;
      for (;;) {
        const place = { name: `alice0.${ZONE}`, host: '127.0.0.1', port: HTTPS_PORT };
        const shown = await certificateFor(place, signal);
        if (shown.state === 'shown' || systemClock.monotonic() > deadline) return shown;
        await sleep(systemClock, 200, signal);
      }
    }

    test('Caddy takes the configuration as it is posted, and has the certificate proved at the platform', async () => {
      expect(existsSync(at('caddy'))).toBe(true);
      const { missing, repaired } = await gateway.apply([route], signal);
      expect(repaired, [...missing.values()].join()).toHaveLength(2);
      expect([...missing.values()].join()).toMatch(/^$|no certificate yet/);
      expect(await served()).toMatchObject({ state: 'shown', names: [`*.${ZONE}`] });
      expect(platform.core.state.txt.get(CHALLENGE)).toMatch(/^[\w-]{43}$/);
      expect((await gateway.apply([route], signal)).missing).toEqual(new Map());
    }, 90_000);

    test('TLS that a machine ends itself reaches it as it is, and all other names are served as ever', async () => {
      const [cert, key] = await Promise.all([
        readFile(at('localhost/cert.pem'), 'utf8'),
        readFile(at('localhost/key.pem'), 'utf8'),
      ]);
      const machine = createServer({ cert, key }, (connection) => connection.end('read by the machine alone'));
      await new Promise<void>((ready) => machine.listen(0, '127.0.0.1', ready));
      const { port } = machine.address() as AddressInfo;
      const own: Route = { ...route, slug: 'bob000', contract: 'b0'.repeat(32) as ContractId };
      const passed: Route = { ...own, web: { port, tls: 'machine' } };
      expect((await gateway.apply([route, passed], signal)).repaired).toEqual([
        'Caddy: TLS that machines end themselves',
      ]);
      expect((await gateway.apply([route, passed], signal)).repaired).toEqual([]);
      const look = (slug: string) =>
        certificateFor({ name: `${slug}.${ZONE}`, host: '127.0.0.1', port: HTTPS_PORT }, signal);
      const { fingerprint256 } = new X509Certificate(cert);
      expect(await look('bob000')).toMatchObject({ fingerprint: fingerprint256 });
      expect(await look('alice0')).toMatchObject({ names: [`*.${ZONE}`] });
      await gateway.apply([route, own], signal);
      expect(await look('bob000')).toMatchObject({ names: [`*.${ZONE}`] });
      await new Promise((closed) => machine.close(closed));
    });

    test('a WebSocket that is open outlasts another machine’s coming', async () => {
      const echo = createWebServer();
      echo.on('upgrade', (_incoming, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        socket.pipe(socket);
      });
      await new Promise<void>((ready) => echo.listen(0, '127.0.0.1', ready));
      const talking: Route = { ...route, web: { port: (echo.address() as AddressInfo).port } };
      await gateway.apply([talking], signal);
      const line = await openLine(`alice0.${ZONE}`, HTTPS_PORT);
      expect(await line.say('one')).toBe('one');
      const { repaired } = await gateway.apply(
        [talking, { ...route, slug: 'carol0', contract: 'ca'.repeat(32) as ContractId }],
        signal,
      );
      expect(repaired).toEqual(['Caddy: the names of machines']);
      expect(await line.say('two')).toBe('two');
      line.end();
      await new Promise((closed) => echo.close(closed));
    });

    test('the account is known to the platform until another registration replaces it', async () => {
      const transport = createHttpTransport({ endpoint: account.serverUrl, name: 'acme-dns' });
      const before = platform.core.state.txt.get(CHALLENGE);
      expect(await askAboutAccount(transport, systemClock, account)).toEqual({ state: 'taken' });
      const other = { username: randomUUID(), password: 'of-another-host' };
      platform.core.state.gateways.set(DC_ID, { dcId: DC_ID, provider: platform.providerKey, ...other });
      expect(await askAboutAccount(transport, systemClock, account)).toEqual({ state: 'replaced' });
      expect(platform.core.state.txt.get(CHALLENGE)).toBe(before);
      await transport.close();
    });
  },
);

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}
