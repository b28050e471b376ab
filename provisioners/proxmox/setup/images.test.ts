import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { pinImage } from './checksums.ts';
import { fileOf, IMAGES, importName, ownImage, readChecksum } from './images.ts';

const A = 'a'.repeat(64);
const B = 'B'.repeat(64);

describe('a vendor’s list of checksums', () => {
  test.each([
    ['Debian writes', `${'0'.repeat(64)}  other.qcow2\n${A}  disk.qcow2\n`],
    ['Ubuntu writes', `${A} *disk.qcow2\n${'0'.repeat(64)} *disk.qcow2.manifest\n`],
    ['Rocky writes', `# disk.qcow2: 613810176 bytes\nSHA256 (disk.qcow2) = ${A}\n`],
    ['coreutils writes with a folder', `${A}  ./disk.qcow2\r\n`],
  ])('is read as %s it', (_who, list) => {
    expect(readChecksum(list, 'disk.qcow2', 'sha256')).toBe(A);
  });

  test('gives lower-case digits, and none for another file, another algorithm or a web page', () => {
    expect(readChecksum(`${B}  disk.qcow2`, 'disk.qcow2', 'sha256')).toBe(B.toLowerCase());
    expect(readChecksum(`${A}  disk.qcow2`, 'disk', 'sha256')).toBeUndefined();
    expect(readChecksum(`${A}  disk.qcow2`, 'disk.qcow2', 'sha512')).toBeUndefined();
    expect(readChecksum('<html><body>Not here</body></html>', 'disk.qcow2', 'sha256')).toBeUndefined();
  });
});

test('every image of the catalogue comes over https, with a list over https, and its file in the list’s folder', () => {
  for (const { url, checksum } of IMAGES) {
    const listedAt = 'listedAt' in checksum ? checksum.listedAt : '';
    expect([new URL(url).protocol, new URL(listedAt).protocol]).toEqual(['https:', 'https:']);
    expect(new URL('.', listedAt).href).toBe(new URL('.', url).href);
  }
});

test('the file on the host has a name that Proxmox leaves alone, and believes to be an image', () => {
  const ubuntu = IMAGES.find(({ id }) => id === 'ubuntu-24.04');
  expect(fileOf(ubuntu?.url ?? '')).toBe('noble-server-cloudimg-amd64.img');
  const names = IMAGES.map((image) => importName({ ...image, checksum: { hex: A } }));
  for (const name of names) expect(name).toMatch(/^dc-agent-[a-z0-9.-]+-a{12}\.qcow2$/);
  expect(new Set(names).size).toBe(IMAGES.length);
  expect(importName(ownImage('https://x.example/My%20Disk.RAW', A, 'mine'))).toBe('dc-agent-mine-aaaaaaaaaaaa.raw');
});

test('the length of a checksum says what made it; anything else is refused', () => {
  expect(ownImage('https://x.example/a.qcow2', B, 'a')).toMatchObject({
    algorithm: 'sha256',
    checksum: { hex: B.toLowerCase() },
  });
  expect(ownImage('https://x.example/a.qcow2', 'c'.repeat(128), 'a').algorithm).toBe('sha512');
  expect(() => ownImage('https://x.example/a.qcow2', 'md5', 'a')).toThrow('64 or 128 hex digits');
});

describe('looking up a checksum', () => {
  let server: Server;
  afterEach(() => {
    server.close();
  });
  const serve = async (answers: Readonly<Record<string, { status: number; text?: string; location?: string }>>) => {
    server = createServer(({ url = '' }, response) => {
      const { status, text = '', location } = answers[url] ?? { status: 404 };
      response.writeHead(status, location === undefined ? {} : { location }).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const image = { id: 'x', title: 'X', url: `${origin}/disk.qcow2`, algorithm: 'sha256' } as const;
    return pinImage({ ...image, checksum: { listedAt: `${origin}/SUMS` } }, new AbortController().signal);
  };

  test('follows redirects to the list', async () => {
    const pinned = await serve({
      '/SUMS': { status: 302, location: '/mirror/SUMS' },
      '/mirror/SUMS': { status: 200, text: `${A}  disk.qcow2` },
    });
    expect(pinned.checksum.hex).toBe(A);
  });

  test('says what to do when the list is gone, goes round in circles, or has another file', async () => {
    await expect(serve({})).rejects.toThrow(/answered 404.*--image-checksum/);
    await expect(serve({ '/SUMS': { status: 302, location: '/SUMS' } })).rejects.toThrow('more than 5 redirects');
    await expect(serve({ '/SUMS': { status: 200, text: `${A}  newer.qcow2` } })).rejects.toThrow(
      'does not list disk.qcow2',
    );
  });
});
