import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

const TASK = {
  name: 'task',
  description: 'its id, or a beginning of it that fits only one task',
  takes: 'one',
} as const;
const EXITS = [EXIT.failed, EXIT.config];

export const taskListCommand: Command = {
  name: 'task list',
  summary: 'show what waits for a person on targets of type manual',
  description:
    'Shows the open tasks, oldest first. It reads the files of the agent and works while the agent is stopped.',
  options: [
    { flags: '--all', description: 'also those that are answered or withdrawn' },
    { flags: '--json', description: 'the tasks as JSON' },
  ],
  examples: [{ line: 'dc-agent task list', explains: 'What has to be done.' }],
  exits: EXITS,
  load: async () => (await import('../handlers/task.ts')).list,
};

export const taskShowCommand: Command = {
  name: 'task show',
  summary: 'show all of one task',
  description: 'Prints the task as JSON: what was ordered, the tenant’s key, and the answer if there is one.',
  operands: [TASK],
  examples: [{ line: 'dc-agent task show create-3fa9', explains: 'What to make, and for which key.' }],
  exits: EXITS,
  load: async () => (await import('../handlers/task.ts')).show,
};

export const taskDoneCommand: Command = {
  name: 'task done',
  summary: 'say that a task is done',
  description:
    'Answers a task, once and for good. A new machine needs its address; it is reported to the tenant when it accepts the ' +
    'tenant’s key. After a removal nothing of the machine may be left.',
  operands: [TASK],
  options: [
    { flags: '--address <ip>', description: 'where the new machine is reached' },
    { flags: '--port <port>', description: 'its SSH port; default: 22' },
    { flags: '--user <name>', description: 'the user as whom the tenant logs in; default: root' },
    { flags: '--note <text>', description: 'for the tenant to read, at most 1000 characters' },
  ],
  examples: [
    { line: 'dc-agent task done create-3fa9 --address 192.0.2.7', explains: 'The machine is made.' },
    { line: 'dc-agent task done remove-3fa9', explains: 'The machine is gone.' },
  ],
  exits: EXITS,
  load: async () => (await import('../handlers/task.ts')).done,
};

export const taskFailCommand: Command = {
  name: 'task fail',
  summary: 'say that a task cannot be done',
  description:
    'Answers a task. For a new machine it also says that nothing of it exists. Without --permanent the agent asks again until ' +
    'the contract’s deadline; with it the contract is reported as failed. A removal is asked for again in either case.',
  operands: [TASK],
  options: [
    { flags: '--reason <text>', description: 'why; stays on this host', required: true },
    { flags: '--permanent', description: 'this order can never be served here' },
  ],
  examples: [
    { line: 'dc-agent task fail create-3fa9 --reason "no such hardware" --permanent', explains: 'Refuse the order.' },
  ],
  exits: EXITS,
  load: async () => (await import('../handlers/task.ts')).fail,
};
