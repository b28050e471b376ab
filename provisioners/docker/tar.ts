export interface TarEntry {
  /** Without a leading slash; a directory ends with one. ASCII, at most 100 characters. */
  readonly path: string;
  readonly mode: number;
  readonly content?: string;
}

const BLOCK = 512;

/** A POSIX ustar archive of small files owned by root, as the engine's archive upload takes it. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap(({ path, mode, content = '' }) => {
    const body = Buffer.from(content, 'utf8');
    return [header(path, mode, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(path: string, mode: number, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (path.length > 100) throw new RangeError(`path too long for the archive: ${path}`);
  block.write(path, 0, 'ascii');
  octal(block, 100, 8, mode);
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
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
