import { Agent, request } from 'undici';
import { ProvisionerError } from '../../../src/provisioner/index.ts';
import { fileOf, type Image, type PinnedImage, readChecksum } from './images.ts';

const LIMIT_MS = 30_000;
/** Debian's list has some 30 lines, Ubuntu's a hundred. */
const LIST_CAP = 1024 * 1024;
const MOST_REDIRECTS = 5;

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

async function fetchText(listedAt: string, caller: AbortSignal): Promise<string> {
  const agent = new Agent({ maxResponseSize: LIST_CAP });
  const signal = AbortSignal.any([caller, AbortSignal.timeout(LIMIT_MS)]);
  try {
    let url = new URL(listedAt);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const { statusCode, headers, body } = await request(url, { dispatcher: agent, signal });
      const text = await body.text();
      if (statusCode === 200) return text;
      const { location } = headers;
      if (statusCode < 300 || statusCode > 399 || typeof location !== 'string')
        throw new Error(`it answered ${statusCode}`);
      const next = new URL(location, url);
      // The list is believed for where it comes from, so the way there must not become an open one.
      if (url.protocol === 'https:' && next.protocol !== 'https:')
        throw new Error(`it leads away from https, to ${next.origin}`);
      url = next;
    }
    throw new Error(`more than ${MOST_REDIRECTS} redirects`);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'no reason given';
    throw new ProvisionerError(
      'retry',
      `The checksums at ${listedAt} could not be read (${why}). From a host without that way out, give --image-url and --image-checksum`,
      { cause },
    );
  } finally {
    await agent.destroy();
  }
}
