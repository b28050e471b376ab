/** What upload and download-url know about names and checksums. */
export const CHECKSUM = {
  checksum: { type: 'string', optional: true, requires: 'checksum-algorithm' },
  'checksum-algorithm': {
    type: 'string',
    optional: true,
    requires: 'checksum',
    enum: ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
  },
} as const;

const NAMES: Readonly<Record<string, RegExp>> = {
  import: /\.(ova|qcow2|raw|vmdk)$/,
  iso: /\.(iso|img)$/i,
  vztmpl: /\.tar\.(gz|xz|zst|bz2)$/,
};

/** The name without its path and with underscores for what does not belong into one; undefined when the extension is wrong. */
export function fileName(given: string, content: string): string | undefined {
  const name = given.replace(/^.*[/\\]/, '').replace(/[^a-zA-Z0-9_.-]/g, '_');
  return NAMES[content]?.test(name) ? name : undefined;
}

/** As the lists show it: that of the image, or the archive's. */
export function contentFormat(name: string): string {
  const [, archive] = /\.tar\.(gz|xz|zst|bz2)$/.exec(name) ?? [];
  if (archive !== undefined) return `t${archive}`;
  return name.split('.').at(-1)?.toLowerCase() ?? 'raw';
}
