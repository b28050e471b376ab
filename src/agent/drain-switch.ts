import { join } from 'node:path';
import type { Disk } from '../ports/disk.ts';

/** Whether new contracts are taken: the operator's word, which outlasts restarts, crashes and reboots. */
export class DrainSwitch {
  readonly #disk: Disk;
  readonly #path: string;
  #on: boolean;
  /** One word after the other: the file must say what was said last. */
  #last: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, path: string, on: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#on = on;
  }

  /** Reads what was said before; the file's being there is the whole message. */
  static async open(disk: Disk, directory: string): Promise<DrainSwitch> {
    const path = join(directory, 'drained');
    return new DrainSwitch(disk, path, (await disk.read(path)) !== undefined);
  }

  get on(): boolean {
    return this.#on;
  }

  /** Takes effect at once. Rejects when it could not be written down: then it lasts until the next start only. */
  drain(): Promise<void> {
    this.#on = true;
    return this.#inTurn(async () => {
      await this.#disk.replace(this.#path, Buffer.from('No new contracts are taken until: dc-agent resume\n'));
      this.#on = true;
    });
  }

  /** Rejects, and changes nothing, when the file cannot be removed: a restart must not take back what was answered. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#disk.remove(this.#path);
      this.#on = false;
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    // Whoever asked hears of a refusal; the next one is not refused for it.
    this.#last = done.catch(() => undefined);
    return done;
  }
}
