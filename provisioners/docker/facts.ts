import { readFile, statfs } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { Storage } from '../../src/provisioner/index.ts';
import { noDiskLimit } from './disk-limit.ts';
import type { EngineInfo } from './wire.ts';

/** What was learnt about the engine; outlives single calls, since storage drivers change only with a restart of the engine. */
export class EngineFacts {
  #noDiskLimit: string | undefined =
    'Not known yet whether Docker can limit disks here: the engine has not answered so far';
  #known = false;
  #refused: string | undefined;

  get known(): boolean {
    return this.#known;
  }

  /** Why disks cannot be limited; undefined when they can. */
  get noDiskLimit(): string | undefined {
    return this.#refused ?? this.#noDiskLimit;
  }

  async learn(info: EngineInfo): Promise<void> {
    this.#noDiskLimit = noDiskLimit(info, await mountinfo(info.DockerRootDir));
    this.#known = true;
  }

  /** The engine's own word weighs more than what it looks able to do. */
  learnNoDiskLimit(why: string): void {
    this.#refused = why;
  }
}

/** The file system under the engine's data; none when it is not on this host (the socket may be forwarded). */
export async function localStorages(info: EngineInfo): Promise<Storage[]> {
  try {
    const { bsize, blocks, bavail } = await statfs(info.DockerRootDir);
    const gib = 1024 ** 3;
    return [
      {
        name: 'docker',
        kind: info.Driver,
        totalGb: Math.floor((bsize * blocks) / gib),
        freeGb: Math.floor((bsize * bavail) / gib),
      },
    ];
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The processor's name when the engine plainly runs on this host. */
export function localCpuModel(info: EngineInfo): string | undefined {
  const local = cpus();
  return local.length === info.NCPU ? local[0]?.model : undefined;
}

async function mountinfo(dataRoot: string): Promise<string | undefined> {
  try {
    await statfs(dataRoot);
    return await readFile('/proc/self/mountinfo', 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Also "may not look": an agent without root sees the socket but not the engine's files. */
function isMissing(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR';
}
