import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, type Called, createBench } from '../test/client.ts';
import type { Download } from './downloads.ts';

const MB = 2 ** 20;
const BIG: Download = { sizeBytes: 100 * MB, diskBytes: 1024 ** 3, is: 'qcow2' };
const URL_OF_BIG = 'https://images.example/big.qcow2';

let bench: Bench;

beforeEach(() => {
  bench = createBench({ downloads: new Map([[URL_OF_BIG, BIG]]) });
});

afterEach(() => bench.core.close());

function download(params: Record<string, string>): Promise<Called> {
  const order = { content: 'import', filename: 'big.qcow2', url: URL_OF_BIG, ...params };
  return bench.call('POST', '/nodes/pve/storage/local/download-url', order, 'root');
}

async function contentOf(storage = 'local'): Promise<unknown[]> {
  const { json } = await bench.call('GET', `/nodes/pve/storage/${storage}/content`, {}, 'root');
  return (json.data as { volid: string }[]).map(({ volid }) => volid);
}

describe('a download', () => {
  it('tells how far it is, every 32 MiB', async () => {
    const called = await download({});
    await bench.pass(900);
    const log = (): readonly string[] => bench.core.tasks.find(String(called.json.data))?.log ?? [];
    expect(log().filter((line) => line.includes('%'))).toEqual([expect.stringMatching(/^ {5}0K (\.{8} ){4} *32% /)]);
    expect(await bench.end(called)).toBe('OK');
    expect(log().filter((line) => /^ *\d+K .*%/.test(line))).toHaveLength(4);
    expect(await contentOf()).toEqual(['local:import/big.qcow2']);
  });

  it('leaves nothing behind when the storage is full, or when it is stopped', async () => {
    const empty = bench.core.admin.fillStorage('local', 50 * MB);
    expect(await bench.end(await download({}))).toBe('download failed: exit code 3');
    empty();
    const called = await download({});
    await bench.pass(500);
    const path = `/nodes/pve/tasks/${encodeURIComponent(String(called.json.data))}`;
    expect((await bench.call('DELETE', path, {}, 'root')).status).toBe(200);
    expect(await bench.end(called)).toBe('download failed: received interrupt');
    expect(await contentOf()).toEqual([]);
  });

  it('fetches from this machine for real, and from nowhere else', async () => {
    const disk = Buffer.alloc(70_000, 7);
    disk.write('QFI\xfb', 'latin1');
    disk.writeBigUInt64BE(5n * 1024n ** 3n, 24);
    disk.fill(0, 8, 16);
    const server = await serve(disk);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x/disk.qcow2`;
    const sha256 = createHash('sha256').update(disk).digest('hex');
    const wrong = await download({ url, checksum: '0'.repeat(64), 'checksum-algorithm': 'sha256' });
    expect(await bench.end(wrong)).toBe(`checksum mismatch: got '${sha256}' != expect '${'0'.repeat(64)}'`);
    const right = await download({ url, checksum: sha256, 'checksum-algorithm': 'sha256' });
    expect(await bench.end(right)).toBe('OK');
    const meta = await bench.call('GET', '/nodes/pve/query-url-metadata', { url }, 'root');
    expect(meta.json.data).toEqual({ filename: 'disk.qcow2', mimetype: 'application/x-qcow2', size: 70_000 });
    server.close();
    const volume = await bench.call('GET', '/nodes/pve/storage/local/content/local%3Aimport%2Fbig.qcow2', {}, 'root');
    expect(volume.json.data).toMatchObject({ size: 5 * 1024 ** 3, used: 70_000, path: '/var/lib/vz/import/big.qcow2' });
    const outside = await download({ url: 'https://example.com/x.qcow2', filename: 'y.qcow2' });
    expect(await bench.end(outside)).toBe("download failed: wget: unable to resolve host address 'example.com'");
  });
});

function serve(body: Buffer): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((_, response) =>
      response.writeHead(200, { 'content-type': 'application/x-qcow2', 'content-length': body.length }).end(body),
    );
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

describe('a storage', () => {
  it('that nobody knows is no such storage', async () => {
    const called = await bench.call('GET', '/nodes/pve/storage/none/status', {}, 'root');
    expect(called.json.errors).toEqual({ storage: 'No such storage.' });
  });

  it('is shown with its figures, or as inactive once it is disabled', async () => {
    const figures = async (): Promise<unknown> =>
      (await bench.call('GET', '/nodes/pve/storage/local/status', {}, 'root')).json.data;
    expect(await figures()).toMatchObject({ active: 1, total: 100 * 1024 ** 3, avail: 90 * 1024 ** 3 });
    await bench.call('PUT', '/storage/local', { disable: true }, 'root');
    expect(await figures()).toMatchObject({ active: 0, enabled: 0, total: 0 });
    const { json } = await bench.call('GET', '/nodes/pve/storage', { enabled: true }, 'root');
    expect(json.data).toHaveLength(1);
  });

  it('that is shared has the same volumes on every node, and its figures', async () => {
    bench = createBench({ nodes: ['pve', 'pve2'], disks: 'nfs', downloads: new Map([[URL_OF_BIG, BIG]]) });
    await bench.call('PUT', '/storage/nfs', { content: 'images,import' }, 'root');
    const order = { content: 'import', filename: 'big.qcow2', url: URL_OF_BIG };
    await bench.end(await bench.call('POST', '/nodes/pve/storage/nfs/download-url', order, 'root'));
    const list = async (node: string): Promise<unknown> =>
      (await bench.call('GET', `/nodes/${node}/storage/nfs/content`, { content: 'import' }, 'root')).json.data;
    expect(await list('pve2')).toEqual(await list('pve'));
    expect(await list('pve2')).toHaveLength(1);
    const path = '/nodes/pve2/storage/nfs/content/nfs%3Aimport%2Fbig.qcow2';
    await bench.end(await bench.call('DELETE', path, {}, 'root'));
    expect(await list('pve')).toEqual([]);
  });
});
