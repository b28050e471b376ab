import { type Desk, DeskError, openDesk, type TaskView } from '../../../provisioners/index.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { oneLine, table } from '../text/table.ts';

const COLUMNS = ['TASK', 'TARGET', 'MACHINE', 'SINCE', 'STATE'].map((title) => ({ title }));

/** What `task list` shows: the open tasks of every target that is served by hand. */
export const list: Handler = async (args, io) => {
  const { entries, unreadable } = await readTasks(args, io);
  const shown = entries.map(({ task }) => task).filter(({ state }) => flag(args, 'all') || state === 'open');
  if (flag(args, 'json')) io.out(JSON.stringify(shown, null, 2));
  else if (shown.length === 0) io.out('Nothing waits for a person.');
  else io.out(table(COLUMNS, shown.map(row)));
  if (unreadable === 0) return EXIT.ok;
  throw new Failure({
    what: `${unreadable} task files cannot be read, so this list is incomplete`,
    next: 'See which directory it is:',
    command: 'dc-agent doctor',
  });
};

export const show: Handler = async (args, io) => {
  const { task } = await pick(args, io);
  io.out(JSON.stringify(task, null, 2));
  return EXIT.ok;
};

export const done: Handler = async (args, io) => {
  const [address, port, user, note] = ['address', 'port', 'user', 'note'].map((name) => text(args, name));
  const given = {
    ...(address === undefined ? {} : { address }),
    // Not a number becomes NaN, which the check of the answer refuses.
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(note === undefined ? {} : { note }),
  };
  return answer(args, io, (desk, id) => desk.done(id, given, Date.now()));
};

export const fail: Handler = async (args, io) => {
  const given = { reason: text(args, 'reason') ?? '', permanent: flag(args, 'permanent') };
  return answer(args, io, (desk, id) => desk.fail(id, given, Date.now()));
};

interface Entry {
  readonly desk: Desk;
  readonly task: TaskView;
}

async function answer(args: Args, io: Io, give: (desk: Desk, id: string) => Promise<void>): Promise<typeof EXIT.ok> {
  const { desk, task } = await pick(args, io);
  try {
    await give(desk, task.id);
  } catch (error) {
    if (!(error instanceof DeskError)) throw error;
    throw new Failure({
      what: `task ${task.id} was not answered: ${error.message}`,
      next: 'See the task:',
      command: `dc-agent task show ${task.id}`,
      cause: error.cause,
    });
  }
  io.out(`Answered ${task.id}. The agent takes it up by itself.`);
  return EXIT.ok;
}

async function readTasks(args: Args, io: Io): Promise<{ entries: readonly Entry[]; unreadable: number }> {
  const targets = (await readConfig(args, io)).targets.filter(({ type }) => type === 'manual');
  if (targets.length === 0) {
    throw new Failure({ what: 'the configuration has no target of type manual', exit: EXIT.config });
  }
  const read = await Promise.all(
    targets.map(async ({ name, settings }) => {
      const desk = openDesk(settings, name);
      const { tasks, unreadable } = await desk.list();
      return { entries: tasks.map((task) => ({ desk, task })), unreadable };
    }),
  );
  return {
    entries: read.flatMap(({ entries }) => entries),
    unreadable: read.reduce((sum, { unreadable }) => sum + unreadable, 0),
  };
}

async function pick(args: Args, io: Io): Promise<Entry> {
  const [prefix = ''] = args.operands;
  const { entries } = await readTasks(args, io);
  const fitting = entries.filter(({ task }) => task.id === prefix || task.id.startsWith(prefix));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  throw new Failure({
    what: `${fitting.length === 0 ? 'no task begins' : `${fitting.length} tasks begin`} with ${oneLine(prefix)}`,
    next: 'See the tasks:',
    command: 'dc-agent task list --all',
  });
}

function row({ id, target, machine, askedAt, state }: TaskView): string[] {
  return [id, target, machine?.name ?? '', new Date(askedAt).toISOString(), state];
}
