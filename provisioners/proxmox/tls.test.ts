import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createPlain, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { createAuthority, type Issued } from '../../simulators/proxmox/certificate.ts';
import { silentLog, systemClock } from '../../src/provisioner/index.ts';
import { createPve } from './api.ts';
import { type Fingerprint, parseFingerprint, type Trust } from './tls.ts';
import { readCertificate } from './tls-read.ts';
import { httpTransport } from './transport.ts';

const signal = new AbortController().signal;
const now = Date.now();
const authority = createAuthority(now);
const TEST_CA = authority.pem;
const HERE = ['localhost', '127.0.0.1', '::1'];
const NODE = authority.issue('node', HERE, now);
/** For the same names, with another key. */
const RENEWED = authority.issue('node', HERE, now);
const ELSEWHERE = authority.issue('elsewhere', ['elsewhere.example'], now);
const EXPIRED = authority.issue('node', HERE, now - 3 * 365 * 86_400_000);
const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A real host. `heard` counts requests, that is: what was written after the handshake. */
async function host(certificate: Issued, address = '127.0.0.1') {
  const heard: string[] = [];
  const server: Server = createServer({ cert: certificate.pem, key: certificate.keyPem }, (request, response) => {
    heard.push(`${request.method} ${request.url}`);
    response.end('{"data":{"version":"9.1.7","release":"9.1"}}');
  });
  server.listen(0, address);
  await once(server, 'listening');
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { server, heard, port, url: `https://${address.includes(':') ? `[${address}]` : address}:${port}` };
}

function client(url: string, trust: Trust, clock = systemClock) {
  const transport = httpTransport(url, trust, clock);
  undo.push(() => transport.close());
  return createPve(transport, { how: 'none' }, { clock: systemClock, log: silentLog });
}

async function fingerprintOf(url: string): Promise<Fingerprint> {
  return (await readCertificate(url, signal)).fingerprint;
}

describe('a host is believed', () => {
  test('by an authority of the operator’s own', async () => {
    const { url, heard } = await host(NODE);
    const pve = client(url, { how: 'checked', ca: TEST_CA });
    expect(await pve.cluster.version(signal)).toEqual({ text: '9.1.7', major: 9, minor: 1 });
    expect(heard).toEqual(['GET /api2/json/version']);
  });

  test('by a pinned fingerprint, whatever name it is reached by', async () => {
    const { url } = await host(ELSEWHERE);
    const pve = client(url, { how: 'checked', fingerprint: await fingerprintOf(url) });
    expect(await pve.cluster.version(signal)).toMatchObject({ major: 9 });
  });

  test('by its authority although another fingerprint was pinned: that is how a renewed one is let in', async () => {
    const before = await host(NODE);
    const { url } = await host(RENEWED);
    const pve = client(url, { how: 'checked', ca: TEST_CA, fingerprint: await fingerprintOf(before.url) });
    expect(await pve.cluster.version(signal)).toMatchObject({ major: 9 });
  });

  test('unseen, where the operator asked for that', async () => {
    const { url } = await host(EXPIRED);
    expect(await client(url, { how: 'unchecked' }).cluster.version(signal)).toMatchObject({ major: 9 });
  });

  test('under its name, and under its IPv6 address', async () => {
    const { port } = await host(NODE);
    const trust = { how: 'checked', ca: TEST_CA } as const;
    const named = client(`https://localhost:${port}`, trust);
    // Where localhost is ::1 first, nobody listens there; Node tries the other one.
    expect(await named.cluster.version(signal)).toMatchObject({ major: 9 });
    const { url } = await host(NODE, '::1');
    expect(await client(url, trust).cluster.version(signal)).toMatchObject({ major: 9 });
  });
});

describe('a host is refused, with nothing sent,', () => {
  const refused = async (certificate: Issued, trust: Trust) => {
    const { url, heard } = await host(certificate);
    const error: unknown = await client(url, trust)
      .cluster.version(signal)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'config', reason: 'certificate' });
    expect(heard).toEqual([]);
    return error instanceof Error ? error.message : '';
  };

  test('when its certificate is not the pinned one any more; both are shown, and what to do', async () => {
    const before = await fingerprintOf((await host(NODE)).url);
    const now = await fingerprintOf((await host(RENEWED)).url);
    const text = await refused(RENEWED, { how: 'checked', fingerprint: before });
    expect(text).toContain(before);
    expect(text).toContain(now);
    expect(text).toMatch(/pvenode cert info.*setup proxmox --repin/);
  });

  test('when nobody known signed it', async () => {
    expect(await refused(NODE, { how: 'checked' })).toMatch(/no public authority.*set 'ca_file'/);
  });

  test('when it is for another name', async () => {
    expect(await refused(ELSEWHERE, { how: 'checked', ca: TEST_CA })).toContain('is not for this name');
  });

  test('when it has expired', async () => {
    expect(await refused(EXPIRED, { how: 'checked', ca: TEST_CA })).toContain('has expired');
  });

  test('on a new connection of a client that had been content before', async () => {
    const { url, heard, server, port } = await host(NODE);
    const pve = client(url, { how: 'checked', fingerprint: await fingerprintOf(url) });
    await pve.cluster.version(signal);
    server.setSecureContext({ cert: RENEWED.pem, key: RENEWED.keyPem });
    server.closeAllConnections();
    await expect
      .poll(() => pve.cluster.version(signal).catch((error: unknown) => error))
      .toMatchObject({ kind: 'config', reason: 'certificate' });
    expect(port).toBeGreaterThan(0);
    expect(heard).toHaveLength(1);
  });
});

describe('a connection that does not come about', () => {
  test.each([
    ['is torn in the handshake', (socket: Socket) => void socket.once('data', () => socket.destroy())],
    ['is answered by something that speaks no TLS', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad\r\n\r\n')],
  ])('because it %s leaves nothing in the dark', async (_, trouble) => {
    const server = createPlain((socket) => {
      socket.on('error', () => {});
      trouble(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const pve = client(`https://127.0.0.1:${port}`, { how: 'unchecked' });
    await expect(pve.vms.start({ node: 'pve', vmid: 100 }, signal)).rejects.toMatchObject({
      kind: 'retry',
      reason: 'unreachable',
    });
  });

  test('because nobody listens says where', async () => {
    const { url, server, port } = await host(NODE);
    server.close();
    await once(server, 'close');
    await expect(client(url, { how: 'unchecked' }).vms.start({ node: 'pve', vmid: 100 }, signal)).rejects.toMatchObject(
      {
        kind: 'retry',
        reason: 'unreachable',
        message: `Could not start VM 100 on node 'pve': no connection to 127.0.0.1:${port}: ECONNREFUSED`,
      },
    );
  });

  test('is given up after ten seconds', async () => {
    const clock = manualClock();
    const server = createPlain(() => clock.advance(10_000)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const pve = client(`https://127.0.0.1:${port}`, { how: 'unchecked' }, clock);
    await expect(pve.vms.start({ node: 'pve', vmid: 100 }, signal)).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('no connection within 10 s') as string,
    });
  });
});

describe('a certificate that is only looked at', () => {
  test('is described, with what speaks against it', async () => {
    const { url, heard } = await host(NODE);
    const seen = await readCertificate(url, signal);
    expect(seen).toMatchObject({
      subject: expect.stringContaining('CN=node') as string,
      issuer: expect.stringContaining('PVE Cluster Manager CA') as string,
      doubt: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    expect(seen.names).toContain('IP Address:127.0.0.1');
    expect(seen.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    expect(seen.validTo.getTime()).toBeGreaterThan(seen.validFrom.getTime());
    expect(heard).toEqual([]);
  });

  test('must be there', async () => {
    await expect(readCertificate('http://127.0.0.1:1', signal)).rejects.toThrow('not https');
    const { url, server } = await host(NODE);
    server.close();
    await expect(readCertificate(url, signal)).rejects.toThrow('ECONNREFUSED');
    await expect(readCertificate(url, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

test.each([
  ['AB:'.repeat(31) + 'CD', true],
  ['ab'.repeat(31) + 'cd', true],
  [`SHA256 ${'ab:'.repeat(31)}cd `, true],
  ['AB:CD', false],
  ['zz'.repeat(32), false],
  ['ab'.repeat(33), false],
])('a fingerprint is read in every usual form: %s', (text, good) => {
  expect(parseFingerprint(text)).toBe(good ? `${'AB:'.repeat(31)}CD` : undefined);
});
