import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SnippetFolder } from '../../../../provisioners/proxmox/setup/index.ts';
import { Failure } from '../../failure.ts';
import type { SetupHost } from '../host.ts';
import { lines } from '../service/host.ts';

/** The two leaves that a node may show: of the operator's own, else of the cluster's authority. Only root reads them. */
const LEAVES = ['pveproxy-ssl.pem', 'pve-ssl.pem'];

/** True on a node of Proxmox VE, as root: then neither a login nor a look at the certificate is needed from anybody. */
export async function isProxmoxHost(host: SetupHost): Promise<boolean> {
  return host.user === 0 && (await ownFingerprint(host)) !== undefined;
}

/** SHA-256 of the certificate that this node's own API shows; undefined on any other host. */
export async function ownFingerprint({ root }: SetupHost): Promise<string | undefined> {
  for (const leaf of LEAVES) {
    const pem = await readIfThere(join(root, 'etc/pve/local', leaf));
    if (pem !== undefined) return new X509Certificate(pem).fingerprint256;
  }
  return undefined;
}

/** Snippets as files: where a storage keeps them is Proxmox's to say. */
export function snippetFolder(host: SetupHost): SnippetFolder {
  const fileOf = async (volid: string): Promise<string> => {
    const file = (await mustRun(host, ['pvesm', 'path', volid])).trim();
    return join(host.root, file);
  };
  return {
    async write(volid, text) {
      const file = await fileOf(volid);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { mode: 0o644 });
    },
    remove: async (volid) => rm(await fileOf(volid), { force: true }),
  };
}

export async function mustRun(host: SetupHost, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv);
  if (code === 0) return stdout;
  throw new Failure({ what: `${argv.slice(0, 3).join(' ')} ended with ${code}`, details: lines(stderr) });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'EACCES'].includes(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
