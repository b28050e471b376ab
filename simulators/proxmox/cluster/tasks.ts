import { badParameters, type Call, type Endpoint, Rows } from '../call.ts';
import { FLAG, NODE, optional, TEXT, VMID } from '../rules.ts';
import { nameOf, type Task } from '../tasks.ts';

const OF_TASK = { node: NODE, upid: TEXT } as const;

export const taskEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/tasks',
    params: {
      node: NODE,
      start: { type: 'integer', optional: true, minimum: 0 },
      limit: { type: 'integer', optional: true, minimum: 0 },
      userfilter: optional(TEXT),
      typefilter: optional(TEXT),
      statusfilter: { type: 'string', optional: true, format: 'pve-task-status-type-list' },
      vmid: { ...VMID, optional: true },
      errors: optional(FLAG),
      source: { type: 'string', optional: true, enum: ['archive', 'active', 'all'] },
      since: { type: 'integer', optional: true },
      until: { type: 'integer', optional: true },
    },
    permission: 'all',
    handle: list,
  },
  {
    method: 'GET',
    path: '/cluster/tasks',
    params: {},
    permission: 'all',
    handle: ({ pve, may, caller }) =>
      [...pve.cluster.nodes.keys()].flatMap((node) => {
        const tasks = pve.tasks.of(node).filter((task) => isOwn(task, caller) || may(`/nodes/${node}`, 'Sys.Audit'));
        return tasks.slice(0, 25).map(row);
      }),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}/status',
    params: OF_TASK,
    permission: 'all',
    protected: true,
    handle: (call) => status(taskOf(call, 'Sys.Audit')),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/tasks/{upid}/log',
    params: {
      ...OF_TASK,
      start: { type: 'integer', optional: true, minimum: 0 },
      limit: { type: 'integer', optional: true, minimum: 0 },
      download: optional(FLAG),
    },
    permission: 'all',
    protected: true,
    handle: log,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/tasks/{upid}',
    params: OF_TASK,
    permission: 'all',
    protected: true,
    quorum: 'not-needed',
    async handle(call) {
      const task = taskOf(call, 'Sys.Modify');
      call.pve.stopTask(task.upid);
      await call.pve.taskEnd(task.upid);
      return null;
    },
  },
];

const UPID = /^UPID:([a-zA-Z0-9-]+):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$/;

/** The task that the path names, when the caller may see it: his own always, others' by that right on the node. */
function taskOf({ params, pve, caller, require }: Call, right: string): Task {
  const upid = params.text('upid');
  const node = UPID.exec(upid)?.[1];
  if (node === undefined) throw badParameters({ upid: 'unable to parse worker upid' });
  const task = pve.tasks.find(upid);
  if (task && !isOwn(task, caller)) require(`/nodes/${params.text('node')}`, [right]);
  // A task is looked for on the node that is asked, which is not always the one it ran on.
  if (!task || node !== params.text('node')) throw badParameters({ upid: 'no such task' });
  return task;
}

/** A user's tasks are those of his tokens too; a token's own are only those it started itself. */
function isOwn(task: Task, caller: Call['caller']): boolean {
  if (task.caller.user !== caller.user) return false;
  return caller.token === undefined || task.caller.token === caller.token;
}

function status(task: Task): object {
  const { upid, node, pid, pstart, startTime, type, id, caller, exitStatus } = task;
  return {
    upid,
    node,
    pid,
    pstart,
    starttime: startTime,
    type,
    id,
    user: caller.user,
    ...(caller.token === undefined ? {} : { tokenid: caller.token }),
    status: exitStatus === undefined ? 'running' : 'stopped',
    ...(exitStatus === undefined ? {} : { exitstatus: exitStatus }),
  };
}

/** 50 lines unless asked for another number; 0 = all. An empty log is one line that says so. */
function log(call: Call): Rows {
  const lines = taskOf(call, 'Sys.Audit').log;
  const shown = lines.length === 0 ? ['no content'] : lines;
  const start = call.params.intOr('start', 0);
  const limit = call.params.intOr('limit', 50);
  const page = limit === 0 ? shown.slice(start) : shown.slice(start, start + limit);
  return new Rows(
    page.map((t, index) => ({ n: start + index + 1, t })),
    shown.length,
  );
}

/** Ended tasks unless `source` says otherwise; the id of a clone is that of its source, so a new machine's never shows it. */
function list({ params, pve, caller, may }: Call): Rows {
  const node = params.text('node');
  const seesAll = may(`/nodes/${node}`, 'Sys.Audit');
  const source = params.textOr('source', 'archive');
  const wanted = pve.tasks.of(node).filter((task) => {
    const running = task.exitStatus === undefined;
    if (source !== 'all' && running !== (source === 'active')) return false;
    if (!seesAll && !isOwn(task, caller)) return false;
    if (params.has('vmid') && task.id !== String(params.int('vmid'))) return false;
    if (params.has('typefilter') && task.type !== params.text('typefilter')) return false;
    if (params.has('userfilter') && !nameOf(task.caller).includes(params.text('userfilter'))) return false;
    if (params.flag('errors') && (running || isGood(task))) return false;
    if (params.has('statusfilter') && !params.list('statusfilter').includes(statusKind(task))) return false;
    if (params.has('since') && task.startTime < params.int('since')) return false;
    return !(params.has('until') && task.startTime > params.int('until'));
  });
  // What runs stands before what has ended, each newest first.
  const sorted = wanted.toSorted((a, b) => Number(b.exitStatus === undefined) - Number(a.exitStatus === undefined));
  const start = params.intOr('start', 0);
  return new Rows(sorted.slice(start, start + params.intOr('limit', 50)).map(row), sorted.length);
}

function row(task: Task): object {
  const { upid, node, pid, pstart, startTime, endTime, type, id, caller, exitStatus } = task;
  const common = { upid, node, pid, pstart, starttime: startTime, type, id };
  if (exitStatus === undefined) return { ...common, user: nameOf(caller), status: 'RUNNING', saved: '0' };
  return {
    ...common,
    user: caller.user,
    ...(caller.token === undefined ? {} : { tokenid: caller.token }),
    endtime: endTime,
    status: exitStatus,
  };
}

function isGood({ exitStatus }: Task): boolean {
  return exitStatus === 'OK' || exitStatus?.startsWith('WARNINGS: ') === true;
}

function statusKind({ exitStatus }: Task): string {
  if (exitStatus === 'OK') return 'ok';
  if (exitStatus?.startsWith('WARNINGS: ')) return 'warning';
  return exitStatus === undefined || exitStatus === 'unexpected status' ? 'unknown' : 'error';
}
