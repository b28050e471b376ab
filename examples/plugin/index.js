// A whole plugin for dc-agent. Its machines are files on a shelf, which is a directory: nothing runs in them, and everything else is
// as it has to be. The name of the file is the operation id, so the same operation can never make two.
import { randomUUID } from 'node:crypto';
import { access, constants, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { PLUGIN_API_VERSION, ProvisionerError } from 'dc-agent/provisioner';
import { absolutePath } from 'dc-agent/provisioner-settings';
import { z } from 'zod';

/** @type {import('dc-agent/provisioner').ProvisionerPlugin<{ directory: string }>} */
export const plugin = {
  type: 'shelf',
  apiVersion: PLUGIN_API_VERSION,
  settings: z
    .strictObject({ directory: absolutePath('The shelf.') })
    .describe('Machines that are files, to learn from.'),
  open: async ({ directory }, { agent }) => openShelf(directory, agent),
};

const stamp = z.object({ agent: z.string(), contract: z.string(), operation: z.string() });
const machine = z.object({ stamp, power: z.enum(['running', 'stopped']), keys: z.array(z.string()) });

/** @returns {import('dc-agent/provisioner').Provisioner} */
function openShelf(directory, agent) {
  const fileOf = (id) => join(directory, `${id}.json`);

  /** Undefined only when the shelf is there and the file is not: a shelf that is gone says nothing about its machines. */
  const read = (id, signal) =>
    attempt(`reading machine ${id}`, signal, async () => {
      const text = await readFile(fileOf(id), 'utf8').catch(async (error) => {
        if (error.code === 'ENOENT' && (await stat(directory)).isDirectory()) return undefined;
        throw error;
      });
      return text === undefined ? undefined : machine.parse(JSON.parse(text));
    });

  /** Whole or not at all, whenever the process dies, and whoever else writes it at the same time. */
  const put = (id, content, signal) =>
    attempt(`writing machine ${id}`, signal, async () => {
      const unfinished = join(directory, `${id}.${randomUUID()}.new`);
      await writeFile(unfinished, JSON.stringify(content));
      await rename(unfinished, fileOf(id));
    });

  /** The machine as it was just read, or undefined; throws unless its stamp is exactly the one that was asked for. */
  async function readOwn(id, wanted, signal) {
    const found = await read(id, signal);
    if (found === undefined || isSame(found.stamp, wanted)) return found;
    throw new ProvisionerError('not-ours', `machine ${id} does not carry the stamp of this contract and operation`);
  }

  async function change(ref, { signal }, what) {
    const found = await readOwn(idOf(ref), ref.stamp, signal);
    if (found === undefined) throw new ProvisionerError('retry', `there is no machine ${idOf(ref)}`);
    await put(idOf(ref), { ...found, ...what }, signal);
    return instanceOf(idOf(ref), { ...found, ...what });
  }

  return {
    capabilities: { readiness: 'backend', noDiskLimit: 'Files have no limit of their own.', simulated: true },
    async create(order, { id, signal }) {
      const found = await readOwn(id, order.stamp, signal);
      const made = { ...(found ?? { stamp: order.stamp, keys: [order.sshKey] }), power: 'running' };
      await put(id, made, signal);
      return instanceOf(id, made);
    },
    async destroy(ref, { signal }) {
      await readOwn(idOf(ref), ref.stamp, signal);
      const names = await attempt('listing the machines', signal, () => readdir(directory));
      // Also what a create left that died while it wrote.
      for (const name of names.filter((candidate) => candidate.startsWith(`${ref.stamp.operation}.`))) {
        await attempt(`removing ${name}`, signal, () => rm(join(directory, name), { force: true }));
      }
      const left = await read(idOf(ref), signal);
      if (left !== undefined) throw new ProvisionerError('retry', `machine ${idOf(ref)} is still there`);
    },
    async observe(ref, { signal }) {
      const found = await read(idOf(ref), signal);
      if (found === undefined) return { state: 'absent' };
      if (!isSame(found.stamp, ref.stamp))
        return { state: 'unknown', why: `machine ${idOf(ref)} carries another stamp` };
      return { state: 'present', instance: instanceOf(idOf(ref), found) };
    },
    async list({ signal, log }) {
      const names = await attempt('listing the machines', signal, () => readdir(directory));
      const ids = names.flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
      const instances = [];
      let complete = true;
      for (const id of ids) {
        try {
          const found = await read(id, signal);
          if (found?.stamp.agent === agent) instances.push(instanceOf(id, found));
        } catch (error) {
          if (signal.aborted) throw error;
          log.warn({ machine: id, error }, 'a machine cannot be read');
          complete = false;
        }
      }
      return { complete, instances };
    },
    stop: async (ref, op) => void (await change(ref, op, { power: 'stopped' })),
    start: (ref, op) => change(ref, op, { power: 'running' }),
    setKeys: async (ref, keys, op) => void (await change(ref, op, { keys })),
    async inventory({ signal }) {
      const disk = await attempt('measuring the shelf', signal, () => statfs(`${directory}/.`));
      const gb = (blocks) => Math.floor((blocks * disk.bsize) / 1e9);
      return {
        cpuCores: availableParallelism(),
        cpuThreads: availableParallelism(),
        memoryTotalMb: Math.floor(totalmem() / 2 ** 20),
        memoryFreeMb: Math.floor(freemem() / 2 ** 20),
        storages: [{ name: 'shelf', kind: 'directory', totalGb: gb(disk.blocks), freeGb: gb(disk.bavail) }],
        templates: [],
        gpus: [],
      };
    },
    async check({ signal }) {
      const usable = attempt('opening the shelf', signal, () =>
        access(`${directory}/.`, constants.R_OK | constants.W_OK),
      );
      try {
        await usable;
        return [{ level: 'pass', code: 'shelf.usable', title: 'The shelf can be read and written.' }];
      } catch (error) {
        const title = error instanceof Error ? error.message : String(error);
        return [{ level: 'fail', code: 'shelf.unusable', title, remedy: `Make ${directory}.` }];
      }
    },
  };
}

const idOf = (ref) => ref.externalId ?? ref.stamp.operation;
const instanceOf = (externalId, { stamp, power }) => ({ externalId, stamp, power });
const isSame = (a, b) => a.agent === b.agent && a.contract === b.contract && a.operation === b.operation;

/** What the agent must do about a failure of the file system; the rest may pass. */
const KINDS = { EACCES: 'config', EPERM: 'config', EROFS: 'config', ENOSPC: 'capacity', EDQUOT: 'capacity' };

/** Runs one call: not when it is cancelled, and whatever it throws becomes the one error that the agent understands. */
async function attempt(what, signal, act) {
  if (signal.aborted) throw new ProvisionerError('retry', `${what} was cancelled`, { cause: signal.reason });
  try {
    return await act();
  } catch (cause) {
    throw new ProvisionerError(KINDS[cause.code] ?? 'retry', `${what} failed: ${cause.message}`, { cause });
  }
}
