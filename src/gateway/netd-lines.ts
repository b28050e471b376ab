import type { Socket } from 'node:net';

/**
 * Calls `take` with each whole line that comes in, and waits for it before the next. A line that grows beyond `limit` bytes ends the
 * connection by `tooLong`, before it has been kept.
 */
export function eachLine(
  socket: Socket,
  limit: number,
  take: (line: string) => Promise<void>,
  tooLong: () => void,
): void {
  let chunks: Buffer[] = [];
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      const line = Buffer.concat([...chunks, rest.subarray(0, end)]);
      chunks = [];
      size = 0;
      rest = rest.subarray(end + 1);
      if (line.length > limit) return tooLong();
      queue(line.toString('utf8'));
    }
    size += rest.length;
    if (size > limit) return tooLong();
    if (rest.length > 0) chunks.push(rest);
  });

  let last = Promise.resolve();
  function queue(line: string): void {
    // Nothing more is read while there is work: whoever sends faster than we answer has to wait.
    socket.pause();
    last = last.then(() => take(line)).finally(() => socket.resume());
  }
}

const NEWLINE = 0x0a;
