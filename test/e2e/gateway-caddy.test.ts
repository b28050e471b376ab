import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withCaddy } from '../../src/gateway/caddy.ts';
import { caddyAdmin } from '../../src/gateway/caddy-admin.ts';
import type { Gateway, Route } from '../../src/gateway/port.ts';
import { type AskOwner, createTenantNames } from '../../src/gateway/tenant-names.ts';
import { sleep, systemClock } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { hasCaddy } from './ground/caddy.ts';

const isReady = hasCaddy();

const ZONE = 'dc-test.gw.example.org';
const signal = AbortSignal.timeout(300_000);

/** A gateway whose ports are nobody's business here. */
const ports: Gateway = {
  publicIp: '203.0.113.1',
  hears: 'everybody',
  nameOf: () => undefined,
  apply: async () => ({ repaired: [], refused: new Map(), missing: new Map() }),
  prove: async () => ({ ok: true }),
  traffic: async () => [],
  check: async () => [],
  close: async () => {},
};

interface Caddy {
  readonly socket: string;
  stop(): Promise<void>;
}

/** A real Caddy with this configuration, its admin API on a socket of its own. */
async function startCaddy(home: string, config: object): Promise<Caddy> {
  const socket = join(home, 'admin.sock');
  const file = join(home, 'caddy.json');
  await writeFile(file, JSON.stringify({ admin: { listen: `unix/${socket}`, origins: ['localhost'] }, ...config }));
  const child = spawn('caddy', ['run', '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home, HOME: home },
  });
  let said = '';
  const serving = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('serving initial configuration')) resolve();
    });
    child.once('exit', () => reject(new Error(`Caddy ended: ${said.slice(-1000)}`)));
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await serving;
  return {
    socket,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A tenant's web server that tells who it is and how it was reached. */
async function machine(name: string): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((incoming, response) => {
    response.end(`${name} ${incoming.headers.host} ${String(incoming.headers['x-forwarded-proto'])}`);
  });
  server.on('upgrade', (_incoming, socket) => {
    socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${name}`);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return { server, port: (server.address() as AddressInfo).port };
}

function route(slug: string, webPort: number): Route {
  const contract = slug.padEnd(64, '0') as ContractId;
  return {
    contract,
    slug,
    firstPort: 20_000,
    portCount: 10,
    web: { port: webPort },
    machine: { ipv4: '127.0.0.1', sshPort: 22 },
  };
}

/** What a browser at this host name gets, as soon as there is a certificate for it. */
async function visit(name: string, port: number, upgrade = false): Promise<string> {
  const deadline = systemClock.monotonic() + 20_000;
  for (;;) {
    try {
      return await knock(name.includes('.') ? name : `${name}.${ZONE}`, port, upgrade);
    } catch (error) {
      if (systemClock.monotonic() > deadline) throw error;
      await sleep(systemClock, 100);
    }
  }
}

function knock(name: string, port: number, upgrade: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      servername: name,
      headers: {
        host: name,
        ...(upgrade ? { connection: 'Upgrade', upgrade: 'websocket' } : {}),
      },
      rejectUnauthorized: false,
      timeout: 20_000,
    });
    asked.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    asked.on('upgrade', (response, socket, head) => {
      let text = String(head);
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('close', () => resolve(`${response.statusCode} ${text}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function statusOf(socket: string, id: string): Promise<number> {
  const admin = caddyAdmin(socket);
  try {
    return (await admin.read(`/id/${id}`, signal)).status;
  } finally {
    await admin.close();
  }
}

describe.skipIf(!isReady)('names and HTTPS by a real Caddy', () => {
  let home: string;
  let caddy: Caddy | undefined;
  const machines: Server[] = [];
  let alice: number;
  let bob: number;
  let https: number;

  beforeAll(async () => {
    for (const name of ['alice', 'bob']) {
      const { server, port } = await machine(name);
      machines.push(server);
      if (name === 'alice') alice = port;
      else bob = port;
    }
    const { server, port } = await machine('nobody');
    https = port;
    await new Promise((closed) => server.close(closed));
  });
  beforeEach(async () => {
    await caddy?.stop();
    caddy = undefined;
    home = await mkdtemp(join(tmpdir(), 'dc-caddy-'));
    return async () => {
      await caddy?.stop();
      caddy = undefined;
      await rm(home, { recursive: true, force: true });
    };
  });
  afterAll(async () => {
    for (const server of machines) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  const gatewayAt = (socket: string): Gateway =>
    withCaddy(ports, {
      adminSocket: socket,
      zone: ZONE,
      publicIp: '127.0.0.1',
      kind: 'internal',
      certificates: async () => ({ kind: 'internal' }),
    });

  /** Somebody's own server on the port for HTTPS, so that no test needs the real one. */
  const neighbour = (): object => ({
    apps: {
      http: {
        https_port: https,
        http_port: 0,
        servers: {
          theirs: {
            listen: [`127.0.0.1:${https}`],
            routes: [
              { match: [{ host: ['their.example.org'] }], handle: [{ handler: 'static_response', body: 'theirs' }] },
            ],
            automatic_https: { disable_redirects: true },
          },
        },
      },
      tls: { automation: { policies: [{ issuers: [{ module: 'internal' }] }] } },
      pki: { certificate_authorities: { local: { install_trust: false } } },
    },
  });

  test('each machine has its name, and its neighbours keep theirs', async () => {
    caddy = await startCaddy(home, neighbour());
    const gateway = gatewayAt(caddy.socket);
    const first = await gateway.apply([route('alice0', alice)], signal);
    // Caddy's own authority needs a moment, of which nobody is told.
    expect([...first.missing.values()].join()).toMatch(/^$|no certificate yet/);
    expect(first.repaired).toHaveLength(2);
    expect(await visit('alice0', https)).toBe(`200 alice alice0.${ZONE} https`);
    expect(await visit('alice0', https, true)).toBe('101 alice');
    expect(await visit('bob000', https)).toMatch(/^404 /);
    expect((await gateway.apply([route('alice0', alice)], signal)).repaired).toEqual([]);

    expect((await gateway.apply([route('bob000', bob), route('alice0', alice)], signal)).repaired).toHaveLength(1);
    expect((await gateway.apply([route('alice0', alice), route('bob000', bob)], signal)).repaired).toEqual([]);
    expect(await visit('bob000', https)).toMatch(/^200 bob /);
    await gateway.apply([route('bob000', bob)], signal);
    expect(await visit('alice0', https)).toMatch(/^404 /);
    expect(gateway.nameOf(route('bob000', bob))).toBe(`bob000.${ZONE}`);
    await gateway.close();
  });

  test('a Caddy that lost everything, or was changed by hand, is made right again', async () => {
    caddy = await startCaddy(home, neighbour());
    const gateway = gatewayAt(caddy.socket);
    await gateway.apply([route('alice0', alice)], signal);
    await caddy.stop();
    const gone = await gateway.apply([route('alice0', alice)], signal);
    expect([...gone.missing.values()]).toEqual([expect.stringMatching(/is Caddy running\?/)]);
    expect(await gateway.check(signal)).toEqual([expect.objectContaining({ code: 'gateway.caddy.unreachable' })]);
    await rm(caddy.socket, { force: true });

    caddy = await startCaddy(home, neighbour());
    expect((await gateway.apply([route('alice0', alice)], signal)).repaired).toHaveLength(2);
    expect(await visit('alice0', https)).toMatch(/^200 alice /);
    // Nobody serves the real port here, which is where the world would come in.
    expect((await gateway.check(signal)).map(({ code, level }) => `${level} ${code}`)).toEqual([
      'pass gateway.caddy',
      'pass gateway.certificate',
      expect.stringMatching(/^(warn|fail) gateway\.https\.path$/),
    ]);
    await gateway.close();
  });

  test('a Caddy that was never configured gets a server of its own', async () => {
    caddy = await startCaddy(home, {});
    const gateway = gatewayAt(caddy.socket);
    // Only where nobody else on this machine has the real port.
    const { missing } = await gateway.apply([route('alice0', alice)], signal);
    const why = [...missing.values()].join();
    if (/^$|no certificate yet/.test(why)) expect(await visit('alice0', 443)).toMatch(/^200 alice /);
    else expect(why).toMatch(/address already in use|permission denied/);
    await gateway.close();
  });

  const atOwnNames = (socket: string, owner: AskOwner): Gateway =>
    withCaddy(ports, {
      adminSocket: socket,
      zone: ZONE,
      publicIp: '127.0.0.1',
      kind: 'internal',
      certificates: async () => ({ kind: 'internal' }),
      tenantNames: createTenantNames({ zone: ZONE, reserved: ['provider.example.net'] }, owner),
    });

  test('a tenant’s own name leads to the machine that its owner names; his neighbours’ and the provider’s do not', async () => {
    caddy = await startCaddy(home, neighbour());
    const gateway = atOwnNames(caddy.socket, async (_name, at) => (at === `alice0.${ZONE}` ? 'yes' : 'no'));
    const withNames = (one: Route, ...names: string[]): Route => ({ ...one, web: { ...one.web, names } });
    const routes = [withNames(route('alice0', alice), 'shop.example.com'), route('bob000', bob)];
    await gateway.apply(routes, signal);
    expect(await visit('shop.example.com', https)).toBe('200 alice shop.example.com https');
    expect(await visit('shop.example.com', https, true)).toBe('101 alice');
    expect((await gateway.apply(routes, signal)).repaired).toEqual([]);

    const greedy = ['their.example.org', 'www.provider.example.net', `bob000.${ZONE}`];
    for (const name of greedy) {
      const { missing, repaired } = await gateway.apply(
        [withNames(route('alice0', alice), 'shop.example.com', name), route('bob000', bob)],
        signal,
      );
      expect(missing.get(route('alice0', alice).contract), name).toContain(name);
      expect(repaired, name).toEqual([]);
    }
    expect(await visit('their.example.org', https)).toBe('200 theirs');
    const claimed = [route('alice0', alice), withNames(route('bob000', bob), 'shop.example.com')];
    const { missing } = await gateway.apply(claimed, signal);
    expect(missing.get(route('bob000', bob).contract)).toMatch(/does not name this machine/);
    const ids = await Promise.all(
      ['dc-agent-tenant-sites', 'dc-agent-tenant-certificates'].map((id) => statusOf(caddy?.socket ?? '', id)),
    );
    expect(ids).toEqual([404, 404]);
    await gateway.close();
  });

  test('TLS that Debian’s Caddy cannot pass through is said so, and costs nobody else a name', async () => {
    caddy = await startCaddy(home, neighbour());
    const gateway = gatewayAt(caddy.socket);
    const own: Route = { ...route('alice0', alice), web: { port: alice, tls: 'machine' } };
    const { missing } = await gateway.apply([own, route('bob000', bob)], signal);
    expect(missing.get(own.contract)).toMatch(/lacks the module caddy\.listeners\.layer4/);
    expect(await visit('bob000', https)).toMatch(/^200 bob /);
    // Its web server speaks TLS: what was meant for it is not sent there in the clear.
    expect(await visit('alice0', https)).toMatch(/^404 /);
    await gateway.close();
  });

  test('2,000 machines are one change, and no change is none', async () => {
    caddy = await startCaddy(home, neighbour());
    const gateway = gatewayAt(caddy.socket);
    const many = Array.from({ length: 2_000 }, (_, index) => route(index.toString(36).padStart(6, '0'), alice));
    await gateway.apply(many, signal);
    expect((await gateway.apply(many, signal)).repaired).toEqual([]);
    expect(await visit('0000zz', https)).toMatch(/^200 alice /);
    await gateway.close();
  });

  test('a module that Caddy lacks is said in its words, and costs no port', async () => {
    caddy = await startCaddy(home, neighbour());
    const account = { serverUrl: 'http://127.0.0.1:1', username: 'u', password: 'hidden-password', subdomain: 's' };
    const gateway = withCaddy(ports, {
      adminSocket: caddy.socket,
      zone: ZONE,
      publicIp: '127.0.0.1',
      kind: 'acme-dns',
      certificates: async () => ({ kind: 'acme-dns', account }),
    });
    const { missing } = await gateway.apply([route('alice0', alice)], signal);
    expect([...missing.values()].join()).toMatch(/acmedns/);
    expect([...missing.values()].join()).not.toContain('hidden-password');
    await gateway.close();
  });
});
