import { Agent, interceptors, request } from 'undici';
import { ProvisionerError } from '../../../src/provisioner/index.ts';
import { fileOf, type Image, type PinnedImage, readChecksum } from './images.ts';

const LIMIT_MS = 30_000;
/** Debian's list has some 30 lines, Ubuntu's a hundred. */
const LIST_CAP = 1024 * 1024;

/**
 * Finds the digest that a vendor publishes for an image, over a connection to that vendor. Proxmox downloads by itself and compares:
 * whatever lies between, or on a mirror, cannot change the image.
 *
 * Errors: `retry` when the list cannot be had, `config` when the image is not in it.
 */
export async function pinImage(image: Image, signal: AbortSignal): Promise<PinnedImage> {
  const { checksum, algorithm, url } = image;
  if ('hex' in checksum) return { ...image, checksum };
  const list = await fetchText(checksum.listedAt, signal);
  const hex = readChecksum(list, fileOf(url), algorithm);
  if (hex !== undefined) return { ...image, checksum: { hex } };
  throw new ProvisionerError(
    'config',
    `${checksum.listedAt} does not list ${fileOf(url)}: its vendor has moved it. Give --image-url and --image-checksum`,
  );
}

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const agent = new Agent({ maxResponseSize: LIST_CAP });
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: agent.compose(interceptors.redirect({ maxRedirections: 5 })),
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
    });
    const text = await body.text();
    if (statusCode === 200) return text;
    throw new Error(`it answered ${statusCode}`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'no reason given';
    throw new ProvisionerError(
      'retry',
      `The checksums at ${url} could not be read (${why}). From a host without that way out, give --image-url and --image-checksum`,
      { cause },
    );
  } finally {
    await agent.destroy();
  }
}
