import { z } from 'zod';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import { CLUSTER_WRITES } from './gate-lanes.ts';
import type { Upid } from './tasks-upid.ts';
import { nothing } from './wire.ts';
import * as wire from './wire-storage.ts';
import { upid, upidOrDone } from './wire-tasks.ts';

export interface Download {
  /** `import` (8.4 and later) for images that machines are made from. */
  readonly content: 'import' | 'iso' | 'vztmpl';
  /** Must end as its content asks: `import` takes .qcow2, .raw, .vmdk. Read the name back: the host normalises it. */
  readonly filename: string;
  readonly url: string;
  readonly checksum: string;
  readonly algorithm: 'sha256' | 'sha512';
}

export interface StorageCalls {
  /** The storages of a node that the caller may see, with their room. */
  onNode(node: string, signal: AbortSignal): Promise<wire.PveNodeStorage[]>;
  definition(storage: string, signal: AbortSignal): Promise<wire.PveStorageDefinition>;
  /** Replaces the whole list of contents. `digest` is that of the definition it was made from; a stale one is refused. */
  setContent(
    storage: string,
    content: ReadonlySet<string>,
    digest: string | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  volumes(
    node: string,
    storage: string,
    filter: { content?: string; vmid?: number },
    signal: AbortSignal,
  ): Promise<wire.PveVolume[]>;
  /** Absent when it was done at once. Removing what is not there succeeds. */
  removeVolume(node: string, storage: string, volid: string, signal: AbortSignal): Promise<Upid | undefined>;
  /** An existing file with the right checksum is success; two downloads of one file run at once. */
  download(node: string, storage: string, file: Download, signal: AbortSignal): Promise<Upid>;
  /** What the node sees at that address. Needs Sys.Audit and Sys.Modify on `/`, or Sys.AccessNetwork on the node. */
  lookUpUrl(node: string, url: string, signal: AbortSignal): Promise<wire.PveUrlMetadata>;
}

export function storageCalls(call: Call): StorageCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  return {
    onNode: (node, signal) =>
      call(
        {
          ...read,
          doing: `list the storages of node '${node}'`,
          path: path`/nodes/${node}/storage`,
          answer: z.array(wire.nodeStorage),
        },
        signal,
      ),

    definition: (storage, signal) =>
      call(
        {
          ...read,
          doing: `describe storage '${storage}'`,
          path: path`/storage/${storage}`,
          answer: wire.storageDefinition,
        },
        signal,
      ),

    setContent: (storage, content, digest, signal) =>
      call(
        {
          method: 'PUT',
          effect: 'repeatable',
          lane: CLUSTER_WRITES,
          doing: `set what storage '${storage}' may hold`,
          path: path`/storage/${storage}`,
          params: { content: [...content].sort().join(','), digest },
          answer: nothing,
        },
        signal,
      ),

    volumes: (node, storage, filter, signal) =>
      call(
        {
          ...read,
          doing: `list what storage '${storage}' of node '${node}' holds`,
          path: path`/nodes/${node}/storage/${storage}/content`,
          params: { content: filter.content, vmid: filter.vmid },
          answer: z.array(wire.volume),
        },
        signal,
      ),

    removeVolume: (node, storage, volid, signal) =>
      call(
        {
          method: 'DELETE',
          effect: 'once',
          doing: `remove volume ${volid}`,
          path: path`/nodes/${node}/storage/${storage}/content/${volid}`,
          answer: upidOrDone,
        },
        signal,
      ),

    download: (node, storage, file, signal) =>
      call(
        {
          method: 'POST',
          effect: 'once',
          doing: `download ${file.url} to storage '${storage}'`,
          path: path`/nodes/${node}/storage/${storage}/download-url`,
          params: {
            content: file.content,
            filename: file.filename,
            url: file.url,
            checksum: file.checksum,
            'checksum-algorithm': file.algorithm,
          },
          answer: upid,
        },
        signal,
      ),

    lookUpUrl: (node, url, signal) =>
      call(
        {
          ...read,
          doing: `look at ${url} from node '${node}'`,
          path: path`/nodes/${node}/query-url-metadata`,
          params: { url },
          answer: wire.urlMetadata,
        },
        signal,
      ),
  };
}
