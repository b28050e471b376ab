import { watch } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentId, type PluginDeps, silentLog, systemClock, systemRandom } from '../../src/provisioner/index.ts';
import { type Desk, DeskError, openDesk } from './desk.ts';
import { openManual } from './provisioner.ts';
import { manualSettings } from './schema.ts';

export const AGENT = 'a'.repeat(64) as AgentId;

/** A target in a directory of its own, and the operator's desk for it. */
export async function openOffice(settings: object = {}) {
  const home = await mkdtemp(join(tmpdir(), 'dc-manual-'));
  const parsed = manualSettings.parse({ task_dir: join(home, 'tasks'), power_tasks: true, ...settings });
  const deps: PluginDeps = {
    agent: AGENT,
    target: 'desk',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  const directory = join(parsed.task_dir, 'desk');
  const provisioner = await openManual(parsed, deps);
  return {
    directory,
    deps,
    desk: openDesk(parsed, 'desk'),
    provisioner,
    /** The plugin as after a restart of the agent. */
    reopen: () => openManual(parsed, deps),
    /** Puts a file in the directory's place; returns how to end that. */
    async breakDirectory() {
      await rename(directory, `${directory}.away`);
      await writeFile(directory, '');
      return async () => {
        await rm(directory);
        await rename(`${directory}.away`, directory);
      };
    },
    async close() {
      await provisioner.close?.();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** An operator who answers everything at once. `failNext` refuses one task, `ignore` leaves new ones lying for good. */
export function busyOperator(desk: Desk, directory: string) {
  const left = new Set<string>();
  let hands = 0;
  let ignoring = false;
  let failing = false;
  let turn = Promise.resolve();
  async function round(): Promise<void> {
    const { tasks } = await desk.list();
    for (const { id, kind } of tasks.filter(({ state }) => state === 'open')) {
      if (ignoring) left.add(id);
      if (left.has(id)) continue;
      hands += 1;
      const where = { address: `192.0.2.${(hands % 200) + 1}`, port: 2000 + hands };
      const answered =
        failing && kind === 'create'
          ? desk.fail(id, { reason: 'no hands free', permanent: false }, Date.now())
          : desk.done(id, kind === 'create' ? where : {}, Date.now());
      failing &&= kind !== 'create';
      // The agent may withdraw a task under the operator's hands.
      await answered.catch((error: unknown) => {
        if (!(error instanceof DeskError)) throw error;
      });
    }
  }
  const watcher = watch(directory, () => {
    // While a test has the directory away there is nothing to read.
    turn = turn.then(round).catch(() => undefined);
  });
  return {
    failNext: () => {
      failing = true;
    },
    ignore: () => {
      ignoring = true;
      return () => {
        ignoring = false;
      };
    },
    async close() {
      watcher.close();
      await turn;
    },
  };
}
