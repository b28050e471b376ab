import { constants } from 'node:fs';
import { access, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../../failure.ts';
import type { ServiceHost } from './host.ts';

/** What the service runs. */
export interface ServiceProgram {
  readonly node: string;
  readonly file: string;
}

/**
 * This very program, under the names that survive an upgrade: `/usr/bin/node` rather than what it points to today. Throws Failure
 * when the service, which is another user in a sandbox, could not run it.
 */
export async function findProgram(host: ServiceHost): Promise<ServiceProgram> {
  const given = resolve(host.program);
  if (!(await isProgram(given))) {
    throw new Failure({
      what: `${given} is not the built program: a service cannot be made of it`,
      next: 'Build it, and run that:',
      command: 'npm run build && sudo dist/main.js setup service',
    });
  }
  const found = {
    node: await lastingName(host.node, ['/usr/local/bin/node', '/usr/bin/node']),
    file: await lastingName(given, ['/usr/local/bin/dc-agent', '/usr/bin/dc-agent']),
  };
  for (const path of [found.node, found.file])
    await checkVisible(path, 'the service could not run it', 'for all', host);
  return found;
}

/** The folder with the unit: of the package that the program came in, or the one that was named. */
export async function findUnitFiles(program: string, named: string | undefined): Promise<string> {
  const home = dirname(await realpath(program));
  const places =
    named === undefined
      ? [join(home, '../systemd'), join(home, 'systemd'), '/usr/local/share/dc-agent/systemd']
      : [resolve(named)];
  for (const place of places) if (await exists(join(place, 'dc-agent.service'))) return place;
  throw new Failure({
    what: 'the unit dc-agent.service of this version was not found',
    details: places.map((place) => `looked in ${place}`),
    next: 'Name the systemd folder of the package or of the sources:',
    command: 'dc-agent setup service --files <directory>',
  });
}

/** Whether the service could not see a file there, whoever may read it. */
export function isHidden(path: string, { hides }: Pick<ServiceHost, 'hides'>): boolean {
  return hides.some((place) => path === place || path.startsWith(`${place}/`));
}

/**
 * Throws Failure when the service could not reach a file, or, if it is one for everybody, not read it. `consequence` ends the
 * sentence.
 */
export async function checkVisible(
  path: string,
  consequence: string,
  file: 'for all' | 'handed over',
  host: ServiceHost,
) {
  const real = await realpath(path);
  const hidden = [path, real].find((one) => isHidden(one, host));
  if (hidden !== undefined) {
    throw new Failure({
      what: `${hidden} is in a place that the service does not see: ${consequence}`,
      details: [`Hidden from it are ${host.hides.join(', ')}.`],
      next: 'Put it elsewhere, such as /usr/local, /opt or /etc/dc-agent, and run the command again.',
    });
  }
  const isClosed = file === 'for all' && !((await stat(real)).mode & constants.S_IROTH);
  const closed = isClosed ? real : await closedFolder(real);
  if (closed === undefined) return;
  throw new Failure({
    what: `${closed} is closed to other users: ${consequence}`,
    next: 'Open it, and run the command again:',
    command: `chmod o+rX ${closed}`,
  });
}

async function closedFolder(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (!((await stat(folder)).mode & constants.S_IXOTH)) return folder;
  }
  return undefined;
}

async function lastingName(path: string, names: readonly string[]): Promise<string> {
  const real = await realpath(path);
  for (const name of names) if ((await exists(name)) && (await realpath(name)) === real) return name;
  return real;
}

/** The build puts these two lines at the head of the file. */
async function isProgram(path: string): Promise<boolean> {
  if (!(await exists(path)) || !(await stat(path)).isFile()) return false;
  return /^#!.*\n\/\/ dc-agent /.test((await readFile(path, 'latin1')).slice(0, 200));
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    // EACCES is for the caller to find out about, with a better message.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return false;
    throw error;
  }
}
