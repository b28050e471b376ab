/** What is behind an address, for downloads that never leave the process. */
export type Downloads = ReadonlyMap<string, Download>;

export interface Download {
  /** Of the file. */
  readonly sizeBytes: number;
  /** Of the disk inside an image; the file's when absent. */
  readonly diskBytes?: number;
  /** Lower-case hex, by algorithm. */
  readonly checksums?: Readonly<Record<string, string>>;
  /** What the file is, whatever it is called. Default: what the name wanted for it says. */
  readonly is?: 'qcow2' | 'raw' | 'page';
  /** A qcow2 image that needs another one below it. */
  readonly backed?: true;
  readonly contentType?: string;
  /** The server redirects here, and the file is there. */
  readonly redirectedTo?: string;
  /** The server's certificate is signed by nobody known. */
  readonly untrusted?: true;
  /** Why it cannot be had. */
  readonly trouble?: 'refused' | 'no-route' | 'unresolved' | 'not-found';
  /** Told apart by an import: whether a machine made from it boots. */
  readonly contents?: string;
}
