import { createHash } from 'node:crypto';
import { badParameters, type Call, died, type Endpoint } from '../call.ts';
import { nodeNamed } from '../cluster/nodes.ts';
import { NODE, STORAGE } from '../rules.ts';
import { CHECKSUM, contentFormat, fileName } from './files.ts';
import { addVolume, dropVolume, filePath, storageNamed, usageOf } from './usage.ts';

/** A file sent by the client itself. It lies on the node that was asked, so the request must go to that very node. */
export const uploadEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/storage/{storage}/upload',
    params: {
      node: NODE,
      storage: STORAGE,
      content: { type: 'string', format: 'pve-storage-content', enum: ['iso', 'vztmpl', 'import'] },
      filename: { type: 'string', maxLength: 255 },
      tmpfilename: { type: 'string', optional: true, pattern: /\/var\/tmp\/pveupload-[0-9a-f]+/ },
      ...CHECKSUM,
    },
    permission: ['perm', '/storage/{storage}', ['Datastore.AllocateTemplate']],
    protected: true,
    quorum: 'not-needed',
    handle: upload,
  },
];

function upload({ pve, params, caller, upload: bytes }: Call): string {
  const node = nodeNamed(pve, params.text('node'));
  const storage = storageNamed(pve, node, params.text('storage'));
  const content = params.text('content') === 'iso' ? 'iso' : params.text('content') === 'vztmpl' ? 'vztmpl' : 'import';
  if (!bytes) throw died('missing file upload');
  if (!storage.content.has(content)) {
    throw died(`storage '${storage.id}' is not configured for content-type '${content}'`);
  }
  const name = fileName(params.text('filename'), content);
  if (name === undefined) throw badParameters({ filename: 'wrong file extension' });
  const expected = params.textOr('checksum', undefined)?.toLowerCase();
  const algorithm = params.textOr('checksum-algorithm', 'sha256');
  return pve.task({
    node: node.name,
    type: 'imgcopy',
    id: '',
    caller,
    run: async (task) => {
      const target = filePath(storage, content, name);
      task.log(`starting file import from: ${params.textOr('tmpfilename', '/var/tmp/pveupload')}`);
      task.log(`target node: ${node.name}`);
      task.log(`target file: ${target}`);
      const is = createHash(algorithm).update(bytes).digest('hex');
      if (expected !== undefined && is !== expected) {
        throw new Error(`import failed: checksum mismatch: got '${is}' != expect '${expected}'`);
      }
      if (bytes.length > usageOf(node, storage).avail) throw new Error('import failed: No space left on device');
      await task.wait(Math.round((bytes.length / 2 ** 20) * pve.timings.downloadMsPerMb));
      const volid = `${storage.id}:${content}/${name}`;
      // Unlike download-url this replaces what lies there.
      dropVolume(pve, node, volid);
      addVolume(pve, node, {
        volid,
        storage: storage.id,
        content,
        format: contentFormat(name),
        sizeBytes: bytes.length,
        checksums: { [algorithm]: is },
        createdAt: pve.clock.now(),
      });
      task.log('finished file import successfully');
    },
  });
}
