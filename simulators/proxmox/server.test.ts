import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { type Playground, playground } from './playground.ts';
import { type ProxmoxServer, startProxmox } from './server.ts';
import { INSTANT_TIMINGS } from './timings.ts';

let made: Playground;
let server: ProxmoxServer;

beforeEach(async () => {
  made = playground({ clock: systemClock, random: systemRandom, timings: INSTANT_TIMINGS, nodes: ['pve', 'pve2'] });
  server = await startProxmox({ core: made.core, idleMs: 200 });
});

afterEach(async () => {
  await server.close();
  await made.core.close();
});

interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
  readonly url?: string;
}

function send({ method = 'GET', path, headers = {}, body, agent, url = server.url }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const authorization = `PVEAPIToken=${made.token.id}=${made.token.secret}`;
    const sent = httpsRequest(
      `${url}/api2/json${path}`,
      { method, ca: server.ca, headers: { authorization, ...headers }, ...(agent ? { agent } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { statusCode: status = 0, statusMessage: statusText = '' } = response;
          resolve({ status, statusText, headers: response.headers, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function handshake(url = server.url): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', ca: server.ca }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });
}

describe('the certificate', () => {
  it('is accepted by who trusts the authority, and is the one that the API shows', async () => {
    const socket = await handshake();
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    expect(fingerprint256).toBe(server.fingerprint);
    const nodes = JSON.parse((await send({ path: '/nodes' })).body) as {
      data: { node: string; ssl_fingerprint: string }[];
    };
    expect(nodes.data.find(({ node }) => node === 'pve')?.ssl_fingerprint).toBe(server.fingerprint);
  });

  it('is refused by who does not trust it', async () => {
    await expect(
      new Promise((_, reject) => {
        connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' }).on('error', reject);
      }),
    ).rejects.toThrow(/self.signed|unable to (get|verify)/);
  });

  it('can be looked up with its authority, with periods and names as on a real host', async () => {
    const { data } = JSON.parse((await send({ path: '/nodes/pve/certificates/info' })).body) as {
      data: {
        filename: string;
        pem: string;
        san: string[];
        notafter: number;
        notbefore: number;
        fingerprint: string;
      }[];
    };
    expect(data.map(({ filename }) => filename)).toEqual(['pve-root-ca.pem', 'pve-ssl.pem']);
    const [root, leaf] = data;
    expect(leaf?.san).toEqual(['127.0.0.1', '0:0:0:0:0:0:0:1', 'localhost', '10.10.10.1', 'pve']);
    expect(leaf?.fingerprint).toBe(server.fingerprint);
    const authority = new X509Certificate(root?.pem ?? '');
    const certificate = new X509Certificate(leaf?.pem ?? '');
    expect([authority.ca, certificate.ca, certificate.checkIssued(authority)]).toEqual([true, false, true]);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(((leaf?.notafter ?? 0) - (leaf?.notbefore ?? 0)) / 86_400).toBe(731);
  });

  it('is another one on each node, and another one after its renewal', async () => {
    const [first, second] = [await handshake(), await handshake(server.urls.get('pve2'))];
    expect(second.getPeerCertificate().fingerprint256).not.toBe(first.getPeerCertificate().fingerprint256);
    const before = server.fingerprint;
    server.renewCertificate();
    const renewed = await handshake();
    expect(renewed.getPeerCertificate().fingerprint256).toBe(server.fingerprint);
    expect(server.fingerprint).not.toBe(before);
    for (const socket of [first, second, renewed]) socket.destroy();
  });

  it('is not seen at all while handshakes are torn', async () => {
    server.tearHandshakes(1);
    await expect(handshake()).rejects.toThrow(/disconnected|ECONNRESET|socket hang up/);
    (await handshake()).destroy();
  });
});

describe('the wire', () => {
  it('has the headers of a real host', async () => {
    const { headers, status } = await send({ path: '/version' });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ server: 'pve-api-daemon/3.0', 'content-type': 'application/json;charset=UTF-8' });
    expect(headers['connection']).toBe('Keep-Alive');
    const passedOn = await send({ path: '/nodes/pve/storage' });
    expect(passedOn.headers['connection']).toBe('close, Keep-Alive');
  });

  it('tells what was wrong in the reason phrase and in the body', async () => {
    const { status, statusText, body, headers } = await send({ path: '/nodes/pve/status' });
    expect([status, statusText]).toEqual([403, 'Permission check failed (/nodes/pve, Sys.Audit)']);
    expect(JSON.parse(body)).toEqual({ data: null, message: `${statusText}\n` });
    expect(headers['connection']).toBe('close');
  });

  it('stays open for further requests, and is closed by the server once nothing comes', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: server.ca });
    await send({ path: '/version', agent });
    const [socket] = Object.values(agent.freeSockets).flat();
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    await send({ path: '/version', agent });
    expect(Object.values(agent.freeSockets).flat()[0]).toBe(socket);
    await closed;
    agent.destroy();
  });

  it('refuses a deletion with a body before it looks at anything', async () => {
    const { status, statusText, body } = await send({
      method: 'DELETE',
      path: '/pools',
      body: 'poolid=x',
      headers: { 'content-length': '8' },
    });
    expect([status, statusText]).toEqual([501, "Unexpected content for method 'DELETE'"]);
    expect(body).toBe(statusText);
  });

  it('is for nobody without credentials', async () => {
    const { status, statusText, body, headers } = await send({ path: '/version', headers: { authorization: '' } });
    expect([status, statusText, body, headers['content-type']]).toEqual([401, 'No ticket', '', undefined]);
  });

  it('breaks where a fault says so', async () => {
    made.core.faults.add({ path: '/version', fault: { kind: 'drop-after' } });
    await expect(send({ path: '/version' })).rejects.toThrow();
    made.core.faults.add({ path: '/version', fault: { kind: 'truncate' } });
    await expect(send({ path: '/version' })).rejects.toThrow(/aborted|hang up/);
    expect((await send({ path: '/version' })).status).toBe(200);
  });

  it('takes a file, on the node that owns the storage only', async () => {
    const session = made.core.pve.login('root@pam', made.root.password);
    const cookie = `PVEAuthCookie=${encodeURIComponent(session?.ticket ?? '')}`;
    const file = 'bytes of an image\r\n--not the boundary\r\n';
    const body = [
      '--XX\r\nContent-Disposition: form-data; name="content"\r\n\r\niso\r\n',
      `--XX\r\nContent-Disposition: form-data; name="filename"; filename="a b.iso"\r\n\r\n${file}\r\n--XX--\r\n`,
    ].join('');
    const headers = {
      authorization: '',
      cookie,
      csrfpreventiontoken: session?.csrf ?? '',
      'content-type': 'multipart/form-data; boundary=XX',
    };
    const upload = { method: 'POST', path: '/nodes/pve/storage/local/upload', headers, body };
    const { data } = JSON.parse((await send(upload)).body) as { data: string };
    expect(await made.core.pve.taskEnd(data)).toBe('OK');
    const volume = made.core.cluster.nodes.get('pve')?.volumes.get('local:iso/a_b.iso');
    expect(volume?.sizeBytes).toBe(file.length);
    const elsewhere = await send({ ...upload, url: server.urls.get('pve2') ?? '' });
    expect([elsewhere.status, elsewhere.statusText]).toEqual([501, 'unable to proxy file uploads']);
  });
});
