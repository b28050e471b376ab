import type { Socket } from 'node:net';

/** Its text, as long as the reading has not been ended: then nothing is left of it. */
export type Line = () => string;

export interface LineTaker {
  /** Longer lines are not kept. */
  readonly limit: number;
  /** So many bytes more are needed, for a line that is not done with; a number below zero gives some back. `false`: they may not be had. */
  hold(bytes: number): boolean;
  /** A line has begun. */
  begun(): void;
  /** A line is longer than `limit`; nothing more is read. */
  tooLong(): void;
  /** Nothing more is read while it is awaited: whoever sends faster than we answer has to wait. It must not fail. */
  take(line: Line): Promise<void>;
}

/**
 * Calls `take` with each whole line that comes in, one after the other. Of a line that is not whole there is one piece that grows by doubling:
 * a sender chooses how small its own pieces are. Returns how to end the reading for good.
 */
export function eachLine(socket: Socket, { limit, hold, begun, tooLong, take }: LineTaker): () => void {
  let kept = Buffer.alloc(0);
  let size = 0;
  let isOver = false;

  const release = (): void => {
    hold(-kept.length);
    kept = Buffer.alloc(0);
    size = 0;
  };
  const end = (): void => {
    isOver = true;
    socket.removeListener('data', read);
    socket.pause();
    release();
  };
  socket.on('data', read);
  return end;

  function read(chunk: Buffer): void {
    const at = chunk.indexOf(NEWLINE);
    const piece = at === -1 ? chunk : chunk.subarray(0, at);
    if (size + piece.length > limit) {
      end();
      return tooLong();
    }
    if (size === 0) begun();
    if (!keep(piece) || at === -1) return;
    socket.pause();
    void take(() => kept.toString('utf8', 0, size)).then(() => {
      if (isOver) return;
      release();
      const rest = chunk.subarray(at + 1);
      if (rest.length > 0) socket.unshift(rest);
      socket.resume();
    });
  }

  function keep(piece: Buffer): boolean {
    const needed = size + piece.length;
    if (needed > kept.length) {
      const length = Math.min(limit, Math.max(needed, 2 * kept.length));
      // Whoever refuses it has ended this connection or will.
      if (!hold(length - kept.length)) return false;
      const larger = Buffer.allocUnsafeSlow(length);
      kept.copy(larger, 0, 0, size);
      kept = larger;
    }
    piece.copy(kept, size);
    size = needed;
    return true;
  }
}

const NEWLINE = 0x0a;
