import type { RawParams } from './body.ts';
import { PveRefusal } from './call.ts';

/** The parts of an upload: its fields, and the file in the part `filename`. */
export interface Multipart {
  readonly params: RawParams;
  readonly file: Uint8Array | undefined;
}

/**
 * Reads a form with a file as pveproxy does: the file must be the last part and be called `filename`, and its own name is
 * the parameter of that name.
 */
export function parseMultipart(body: Buffer, contentType: string): Multipart {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) throw new PveRefusal(501, 'upload without boundary');
  const params: RawParams = new Map();
  let file: Uint8Array | undefined;
  for (const part of partsOf(body, Buffer.from(`--${boundary}`))) {
    const end = part.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const head = part.toString('utf8', 0, end);
    const content = part.subarray(end + 4);
    const name = /name="([^"]+)"/.exec(head)?.[1];
    const fileName = /filename="([^"]*)"/.exec(head)?.[1];
    if (name === undefined) continue;
    if (fileName === undefined) {
      params.set(name, content.toString('utf8'));
    } else {
      file = content;
      params.set('filename', fileName);
    }
  }
  return { params, file };
}

function partsOf(body: Buffer, mark: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = body.indexOf(mark);
  while (start >= 0) {
    const from = start + mark.length + 2;
    const next = body.indexOf(mark, from);
    if (next < 0) break;
    parts.push(body.subarray(from, next - 2));
    start = next;
  }
  return parts;
}
