export interface TarEntry {
  /** Without a leading slash; a directory ends with one. ASCII, at most 100 characters. */
  readonly path: string;
  readonly mode: number;
  readonly content?: string;
  /** Root unless told. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const BLOCK = 512;

/** A POSIX ustar archive of small files, as the engine's archive upload takes it. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap(({ path, mode, content = '', owner = ROOT }) => {
    const body = Buffer.from(content, 'utf8');
    return [header(path, mode, owner, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

export interface ReadEntry {
  readonly kind: 'file' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Undefined when the archive was cut off before the end of the file. */
  readonly content: Buffer | undefined;
}

/** The first thing in an archive, as the engine's archive download sends it; undefined when it is none. */
export function firstEntry(archive: Buffer): ReadEntry | undefined {
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const block = archive.subarray(at, at + BLOCK);
    const [mode, uid, gid, size] = [
      field(block, 100, 8),
      field(block, 108, 8),
      field(block, 116, 8),
      field(block, 124, 12),
    ];
    if (mode === undefined || uid === undefined || gid === undefined || size === undefined) return undefined;
    const end = at + BLOCK + size;
    const type = block.toString('latin1', 156, 157);
    if (type === 'x' || type === 'g') {
      // Remarks on the next entry, such as its extended attributes.
      at = end + ((BLOCK - (size % BLOCK)) % BLOCK);
      continue;
    }
    const kind = type === '0' || type === '\0' ? 'file' : 'other';
    return { kind, mode, uid, gid, content: end <= archive.length ? archive.subarray(at + BLOCK, end) : undefined };
  }
  return undefined;
}

/** A number of the header; undefined for what is none, and for the binary form of numbers too large for octal digits. */
function field(block: Buffer, at: number, length: number): number | undefined {
  const text = block
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/, '')
    .trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

const ROOT = { uid: 0, gid: 0 };

function header(path: string, mode: number, { uid, gid }: typeof ROOT, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (path.length > 100) throw new RangeError(`path too long for the archive: ${path}`);
  block.write(path, 0, 'ascii');
  octal(block, 100, 8, mode);
  octal(block, 108, 8, uid);
  octal(block, 116, 8, gid);
  octal(block, 124, 12, size);
  octal(block, 136, 12, 0);
  block.write(path.endsWith('/') ? '5' : '0', 156, 'ascii');
  block.write('ustar\x0000', 257, 'ascii');
  // The checksum is taken over the header with its own field full of spaces.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'ascii');
}
