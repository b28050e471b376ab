import type { Clock } from '../ports/clock.ts';
import type { AppendFile, Disk } from '../ports/disk.ts';
import type { Log } from '../ports/log.ts';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
}

const RETRY_MS = 2_000;

/**
 * Appends lines to one file; many waiting lines share one sync. A write that fails (disk full, read-only) is not an answer that
 * anybody could act on, so it keeps its callers waiting: side effects stop, and go on when the disk does. The file is cut back to
 * its last synced length first, since after a failed write nobody knows what it holds.
 */
export class Journal {
  #file: AppendFile | undefined;
  #path: string;
  #length: number;
  #queue: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;
  #held = false;
  #problem: string | undefined;
  #endPause: (() => void) | undefined;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(disk: Disk, clock: Clock, log: Log, path: string, length: number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#log = log;
    this.#path = path;
    this.#length = length;
  }

  /** Why nothing can be written at the moment. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get length(): number {
    return this.#length;
  }

  /** Resolves once the line would survive a power cut. Order is kept. */
  append(line: string): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ bytes: Buffer.from(line), resolve });
      this.#kick();
    });
  }

  #kick(): void {
    if (!this.#held && !this.#closed && this.#queue.length > 0) this.#flushing ??= this.#flush();
  }

  /** Waits until everything handed in is safe, then keeps later lines back until `resume`. Rejects once the journal is closed. */
  async hold(): Promise<void> {
    // What a refusing disk kept back when the journal was closed is never flushed, so waiting for it would never end.
    while (this.#flushing !== undefined && !this.#closed) await this.#flushing;
    if (this.#closed) throw new Error('the ledger is closed');
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
    this.#kick();
  }

  /** Goes on in another file. Only while held. */
  async continueIn(path: string, header: string): Promise<void> {
    const bytes = Buffer.from(header);
    // A failed attempt may have left something under this name.
    await this.#disk.replace(path, bytes);
    const file = await this.#disk.openAppend(path);
    await this.#file?.close();
    this.#file = file;
    this.#path = path;
    this.#length = bytes.length;
  }

  /** What is still waiting for a disk that refuses is given up: it was not promised to anybody. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endPause?.();
    await this.#flushing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #flush(): Promise<void> {
    // Everything that is handed in during this turn of the loop goes into the same sync.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      const safe = await this.#write(Buffer.concat(batch.map((one) => one.bytes)));
      if (!safe) return;
      for (const one of batch) one.resolve();
    }
    this.#flushing = undefined;
  }

  /** False when the journal was closed while the disk refused. */
  async #write(bytes: Uint8Array): Promise<boolean> {
    for (;;) {
      try {
        this.#file ??= await this.#disk.openAppend(this.#path);
        await this.#file.append(bytes);
        await this.#file.sync();
        this.#length += bytes.length;
        if (this.#problem !== undefined) this.#log.info({ path: this.#path }, 'the ledger can be written again');
        this.#problem = undefined;
        return true;
      } catch (error) {
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#log.error({ path: this.#path, error }, 'the ledger cannot be written: no step is taken until it can');
        if (!(await this.#rewind())) return false;
      }
    }
  }

  async #rewind(): Promise<boolean> {
    for (;;) {
      await this.#pause();
      // Another process may own the file by now.
      if (this.#closed) return false;
      try {
        await this.#file?.close();
      } catch (error) {
        this.#log.debug({ error }, 'closing the failed ledger file failed too');
      }
      this.#file = undefined;
      try {
        await this.#disk.truncate(this.#path, this.#length);
        return true;
      } catch (error) {
        this.#problem = error instanceof Error ? error.message : String(error);
      }
    }
  }

  async #pause(): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(RETRY_MS, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
