/** A file that only grows. */
export interface AppendFile {
  /** Hands bytes to the operating system; they are not safe before `sync`. */
  append(bytes: Uint8Array): Promise<void>;
  /** Returns once everything appended so far would survive a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Releases a lock. */
export type Release = () => Promise<void>;

/**
 * The disk as the ledger needs it. Paths are absolute. Files are made 0600 and directories 0700.
 * A model of it loses what was not synced and tears the last record, so nothing here may promise more than a disk does.
 */
export interface Disk {
  /** Makes the directory and its parents. */
  ensureDirectory(path: string): Promise<void>;
  /** The file's bytes, or undefined when it does not exist. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** File names (not paths) in a directory, sorted. */
  list(directory: string): Promise<string[]>;
  /** Opens for appending; makes the file, and syncs its directory entry, when it is new. */
  openAppend(path: string): Promise<AppendFile>;
  /** Replaces the file's whole content: after a crash it holds either the old bytes or the new ones. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Cuts a file to `length` bytes, durably. */
  truncate(path: string, length: number): Promise<void>;
  /** Removes a file; one that is absent is no error. */
  remove(path: string): Promise<void>;
  /** Takes an exclusive lock that dies with its process; undefined when another process holds it. */
  lock(path: string): Promise<Release | undefined>;
}
