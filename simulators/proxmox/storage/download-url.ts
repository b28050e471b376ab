import { badParameters, type Call, died, type Endpoint, type TaskContext } from '../call.ts';
import { nodeNamed } from '../cluster/nodes.ts';
import { FLAG, NODE, optional, STORAGE, TEXT } from '../rules.ts';
import type { Node, StorageDef, Volume } from '../state.ts';
import type { Download } from './downloads.ts';
import { find } from './fetch.ts';
import { CHECKSUM, contentFormat, fileName } from './files.ts';
import { addVolume, filePath, storageNamed, usageOf } from './usage.ts';
import { announce, complain, progress, saved } from './wget.ts';

const URL_RULE = { type: 'string', pattern: /https?:\/\/.*/ } as const;
const NETWORK = [
  'or',
  ['perm', '/', ['Sys.Audit', 'Sys.Modify']],
  ['perm', '/nodes/{node}', ['Sys.AccessNetwork']],
] as const;

export const downloadEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/storage/{storage}/download-url',
    params: {
      node: NODE,
      storage: STORAGE,
      url: URL_RULE,
      content: { type: 'string', format: 'pve-storage-content', enum: ['iso', 'vztmpl', 'import'] },
      filename: { type: 'string', maxLength: 255 },
      ...CHECKSUM,
      compression: optional(TEXT),
      'verify-certificates': optional(FLAG),
    },
    permission: ['and', ['perm', '/storage/{storage}', ['Datastore.AllocateTemplate']], NETWORK],
    protected: true,
    quorum: 'not-needed',
    handle: downloadUrl,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/query-url-metadata',
    params: { node: NODE, url: URL_RULE, 'verify-certificates': optional(FLAG) },
    permission: NETWORK,
    handle: metadata,
  },
];

interface Order {
  readonly node: Node;
  readonly storage: StorageDef;
  readonly content: Volume['content'];
  readonly name: string;
  /** Where it will lie. */
  readonly target: string;
  readonly url: string;
}

/** The name is put right silently (no path, no blanks), so who asked must read it back. */
function downloadUrl(call: Call): string {
  const { pve, params, caller } = call;
  const node = nodeNamed(pve, params.text('node'));
  const storage = storageNamed(pve, node, params.text('storage'));
  const content = contentOf(params.text('content'));
  if (!storage.content.has(content)) {
    throw died(`storage '${storage.id}' is not configured for content-type '${content}'`);
  }
  const name = fileName(params.text('filename'), content);
  if (name === undefined) throw badParameters({ filename: 'invalid filename or wrong extension' });
  const order: Order = {
    node,
    storage,
    content,
    name,
    target: filePath(storage, content, name),
    url: params.text('url'),
  };
  return pve.task({ node: node.name, type: 'download', id: name, caller, run: (task) => download(call, order, task) });
}

async function download(call: Call, order: Order, task: TaskContext): Promise<void> {
  const { pve, params } = call;
  const { node, storage, target, url } = order;
  if (params.has('compression') && order.content === 'import')
    throw new Error('decompression not supported for import');
  task.log(`downloading ${url} to ${target}`);
  const volid = `${storage.id}:${order.content}/${order.name}`;
  const algorithm = params.textOr('checksum-algorithm', 'sha256');
  const expected = params.textOr('checksum', undefined)?.toLowerCase();
  const present = node.volumes.get(volid);
  if (present) {
    // The right file under the right name: a repeated order is no error.
    if (expected === undefined) throw new Error(`refusing to override existing file '${target}'`);
    const is = present.checksums?.[algorithm] ?? '';
    if (is !== expected) {
      task.log('calculating checksum of existing file...');
      throw new Error(`checksum mismatch: got '${is}' != expect '${expected}', aborting`);
    }
    task.log('calculating checksum of existing file...OK, got correct file already, no need to download');
    return;
  }
  const found = await find(url, pve.downloads);
  const temporary = `${target}.tmp_dwnl.${Number.parseInt(task.upid.split(':')[2] ?? '0', 16)}`;
  await transfer(call, order, found, { task, temporary });
  verify(order, found, temporary, { task, expected, algorithm });
  addVolume(pve, node, {
    volid,
    storage: storage.id,
    content: order.content,
    format: contentFormat(order.name),
    sizeBytes: found.diskBytes ?? found.sizeBytes,
    usedBytes: found.sizeBytes,
    createdAt: pve.clock.now(),
    ...(found.checksums ? { checksums: found.checksums } : {}),
    ...(found.contents === undefined ? {} : { contents: found.contents }),
  });
  task.log(`download of '${url}' to '${target}' finished`);
}

/** wget's part: everything that the network can do to it, and a line of progress for every 32 MiB. */
async function transfer(
  { pve, params }: Call,
  { node, storage, url }: Order,
  found: Download,
  { task, temporary }: { readonly task: TaskContext; readonly temporary: string },
): Promise<void> {
  const now = (): Date => new Date(pve.clock.now());
  const why = complain(url, found, params.flag('verify-certificates', true) ? 'trusted-only' : 'any', {
    log: task.log,
    now: now(),
  });
  if (why !== undefined) throw new Error(`download failed: ${why}`);
  announce(found, temporary, task.log);
  const free = usageOf(node, storage).avail;
  for (const step of progress(found.sizeBytes)) {
    await task.wait(Math.round((step.bytes / 2 ** 20) * pve.timings.downloadMsPerMb)).catch((error: unknown) => {
      throw task.killed ? error : new Error('download failed: received interrupt', { cause: error });
    });
    if (step.end > free) {
      task.log(`Cannot write to '${temporary}' (No space left on device).`);
      throw new Error('download failed: exit code 3');
    }
    task.log(step.line);
  }
  task.log(saved(now(), temporary, found));
}

function verify(
  { content, name }: Order,
  found: Download,
  temporary: string,
  check: { readonly task: TaskContext; readonly expected: string | undefined; readonly algorithm: string },
): void {
  const { task, expected, algorithm } = check;
  if (expected !== undefined) {
    const is = found.checksums?.[algorithm] ?? '';
    if (is !== expected) {
      task.log('calculating checksum...');
      throw new Error(`checksum mismatch: got '${is}' != expect '${expected}'`);
    }
    task.log('calculating checksum...OK, checksum verified');
  }
  // Only images that QEMU opens are looked into; of a raw one everything is a disk, a web page too.
  if (content !== 'import' || contentFormat(name) === 'raw') return;
  const format = contentFormat(name);
  if (found.is !== undefined && found.is !== 'qcow2') {
    task.log(`command '/usr/bin/qemu-img info '--output=json' ${temporary} -f ${format}' failed: exit code 1`);
    throw new Error(`failed to verify file: qemu-img: Could not open '${temporary}': Image is not in ${format} format`);
  }
  if (found.backed) {
    throw new Error(`failed to verify file: backing file not allowed for untrusted image '${temporary}'!`);
  }
}

function contentOf(text: string): 'iso' | 'vztmpl' | 'import' {
  return text === 'iso' || text === 'vztmpl' ? text : 'import';
}

async function metadata({ pve, params }: Call): Promise<object> {
  const url = params.text('url');
  const found = await find(url, pve.downloads);
  const { host } = new URL(url);
  const answer = {
    'not-found': '404 Not Found',
    refused: `500 Can't connect to ${host} (Connection refused)`,
    'no-route': `500 Can't connect to ${host} (No route to host)`,
    unresolved: `500 Can't connect to ${host} (Temporary failure in name resolution)`,
  };
  if (found.trouble !== undefined) throw died(`invalid server response: '${answer[found.trouble]}'`);
  const file = new URL(found.redirectedTo ?? url).pathname.split('/').at(-1);
  return { filename: file, mimetype: found.contentType ?? 'application/octet-stream', size: found.sizeBytes };
}
