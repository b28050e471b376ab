import { createHash, getHashes } from 'node:crypto';
import { get } from 'node:http';
import type { Download, Downloads } from './downloads.ts';

const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
/** Enough for a qcow2 header. */
const HEAD_BYTES = 32;
const TIME_LIMIT_MS = 60_000;
/** As many as wget follows. */
const MAX_REDIRECTS = 20;

/**
 * What a host finds behind an address: what the test laid there, or what a server on this machine really answers. Nothing
 * else is ever asked: for the simulated host there is no world beyond 127.0.0.1.
 */
export async function find(url: string, downloads: Downloads | undefined, redirects = 0): Promise<Download> {
  const laid = downloads?.get(url);
  if (laid) return laid;
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && hostname === '127.0.0.1') return await fetched(url, redirects);
  return { sizeBytes: 0, trouble: /^[\d.]+$/.test(hostname) ? 'no-route' : 'unresolved' };
}

function fetched(url: string, redirects: number): Promise<Download> {
  const hashes = ALGORITHMS.filter((name) => getHashes().includes(name)).map(
    (name) => [name, createHash(name)] as const,
  );
  return new Promise((resolve) => {
    const request = get(url, { timeout: TIME_LIMIT_MS, agent: false }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
        response.resume();
        if (redirects >= MAX_REDIRECTS) return resolve({ sizeBytes: 0, trouble: 'not-found' });
        const target = new URL(headers.location, url).href;
        const found = find(target, undefined, redirects + 1);
        return resolve(found.then((file) => ({ redirectedTo: target, ...file })));
      }
      if (statusCode !== 200) {
        response.resume();
        return resolve({ sizeBytes: 0, trouble: 'not-found' });
      }
      let head = Buffer.alloc(0);
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
        for (const [, hash] of hashes) hash.update(chunk);
      });
      response.on('error', () => resolve({ sizeBytes: 0, trouble: 'refused' }));
      response.on('end', () => {
        const checksums = Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')]));
        resolve({ sizeBytes: size, checksums, ...inspected(head, headers['content-type']) });
      });
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', () => resolve({ sizeBytes: 0, trouble: 'refused' }));
  });
}

/** By the header that QEMU documents: magic, version, offset of the backing file's name (8), and the disk's size (24). */
function inspected(head: Buffer, contentType: string | undefined): Partial<Download> {
  const type = contentType === undefined ? {} : { contentType };
  if (head.length < HEAD_BYTES || head.toString('latin1', 0, 4) !== 'QFI\xfb') {
    return { ...type, is: contentType?.startsWith('text/html') ? 'page' : 'raw' };
  }
  const backed = head.readBigUInt64BE(8) !== 0n ? { backed: true as const } : {};
  return { ...type, is: 'qcow2', diskBytes: Number(head.readBigUInt64BE(24)), ...backed };
}
