import { ProvisionerError } from '../../../src/provisioner/index.ts';

/** An image that templates are made of. */
export interface Image {
  /** Also the name of the template: what offerings ask for. */
  readonly id: string;
  readonly title: string;
  readonly url: string;
  readonly algorithm: 'sha256' | 'sha512';
  /** The digest itself, or where its vendor publishes it. */
  readonly checksum: { readonly hex: string } | { readonly listedAt: string };
}

/** An image with the digest that its download must have. */
export interface PinnedImage extends Image {
  readonly checksum: { readonly hex: string };
}

/** Cloud images of their vendors, for x86-64. All need cloud-init, and Debian's and Ubuntu's come without the guest agent. */
export const IMAGES: readonly Image[] = [
  {
    id: 'debian-13',
    title: 'Debian 13',
    url: 'https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2',
    algorithm: 'sha512',
    checksum: { listedAt: 'https://cloud.debian.org/images/cloud/trixie/latest/SHA512SUMS' },
  },
  {
    id: 'debian-12',
    title: 'Debian 12',
    url: 'https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2',
    algorithm: 'sha512',
    checksum: { listedAt: 'https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS' },
  },
  {
    id: 'ubuntu-24.04',
    title: 'Ubuntu 24.04 LTS',
    url: 'https://cloud-images.ubuntu.com/noble/current/noble-server-cloudimg-amd64.img',
    algorithm: 'sha256',
    checksum: { listedAt: 'https://cloud-images.ubuntu.com/noble/current/SHA256SUMS' },
  },
  {
    id: 'rocky-9',
    title: 'Rocky Linux 9',
    url: 'https://download.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2',
    algorithm: 'sha256',
    checksum: {
      listedAt:
        'https://download.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2.CHECKSUM',
    },
  },
];

/** An image of the operator's own, or the mirror of one. The digest says which algorithm made it. */
export function ownImage(url: string, checksum: string, id: string): PinnedImage {
  const hex = checksum.trim().toLowerCase();
  if (!/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/.test(hex)) {
    throw new ProvisionerError('config', 'The checksum of an image is a SHA-256 or SHA-512: 64 or 128 hex digits');
  }
  return { id, title: id, url, algorithm: hex.length === 64 ? 'sha256' : 'sha512', checksum: { hex } };
}

/**
 * The digest of one file in a vendor's list, as coreutils (`<hex>  <file>`, `<hex> *<file>`) and BSD (`SHA256 (<file>) = <hex>`) write
 * them; undefined when the file is not in it.
 */
export function readChecksum(list: string, file: string, algorithm: Image['algorithm']): string | undefined {
  const digits = algorithm === 'sha256' ? 64 : 128;
  for (const line of list.split(/\r?\n/)) {
    const plain = /^([0-9a-fA-F]+) [ *](.+)$/.exec(line.trim());
    const bsd = /^SHA\d+ \((.+)\) = ([0-9a-fA-F]+)$/.exec(line.trim());
    const [name, hex] = plain === null ? [bsd?.[1], bsd?.[2]] : [plain[2]?.replace(/^\.\//, ''), plain[1]];
    if (name === file && hex?.length === digits) return hex.toLowerCase();
  }
  return undefined;
}

/** The last part of an address. */
export function fileOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
}

/**
 * What the file is called on the host: of our own making, since Proxmox puts other names right without a word, and with the digest in
 * it, so that two versions never meet. Ubuntu's `.img` is a qcow2 image, which Proxmox believes by the name only.
 */
export function importName({ id, url, checksum: { hex } }: PinnedImage): string {
  const raw = /\.raw$/i.test(fileOf(url));
  const plain = id.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-');
  return `dc-agent-${plain}-${hex.slice(0, 12)}.${raw ? 'raw' : 'qcow2'}`;
}
