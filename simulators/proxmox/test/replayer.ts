import { createRouter } from '../routes.ts';
import { createLab, grantAgent, LAB_PASSWORD, type Lab, startMachine } from './lab.ts';
import type { Recorded, Recording } from './recordings.ts';
import { pass, settle } from './settle.ts';
import { Substitutions } from './substitutions.ts';

/** What a simulated host answered to one recorded request. */
export interface Replayed {
  readonly index: number;
  readonly recorded: Recorded;
  /** Undefined: the simulator does not serve it. */
  readonly answer?: Answer;
}

interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly connection: string;
  readonly contentType: string | undefined;
  readonly body: unknown;
  /** How the task ended that the answer named, when the recording tells it. */
  exitStatus?: string;
}

/** Sets that begin where the one before ended; all others begin with a fresh lab. */
const CONTINUED = new Set(['p4', 'p6', 'w1', 'w2', 'w3', 'w4']);
/** The linked clone was running when these began. */
const RUNNING_AT_START = new Set(['p1', 'p2']);

/** Sends every request of a recording, in its order, to a simulated host that was set up as the recorded one. */
export async function replay(recording: Recording): Promise<readonly Replayed[]> {
  const replayed: Replayed[] = [];
  let lab = await labFor(recording, recording.entries[0]?.set ?? '');
  let substitutions = new Substitutions();
  let set = recording.entries[0]?.set;
  for (let index = 0; index < recording.entries.length; ) {
    const first = recording.entries[index];
    if (!first) break;
    if (first.set !== set && !CONTINUED.has(first.set)) {
      await close(lab);
      lab = await labFor(recording, first.set);
      substitutions = new Substitutions();
    }
    set = first.set;
    const group = simultaneous(recording.entries, index);
    const later = recording.entries.slice(index + group.length);
    const answers = await Promise.all(group.map((recorded) => ask(lab, recorded, substitutions, later)));
    for (const [offset, recorded] of group.entries()) {
      const answer = answers[offset];
      replayed.push({ index: index + offset, recorded, ...(answer ? { answer } : {}) });
    }
    index += group.length;
  }
  await close(lab);
  return replayed;

  async function close({ core, clock }: Lab): Promise<void> {
    await settle(clock, core.tasks.settled());
    for (const { answer, recorded } of replayed) {
      const upid = taskOf(answer?.body);
      // A task that outlived the requests that watched it.
      if (answer && upid && recorded.task) answer.exitStatus ??= await core.pve.taskEnd(upid);
    }
    await core.close();
  }
}

function taskOf(body: unknown): string | undefined {
  const data = (body as { data?: unknown } | undefined)?.data;
  return typeof data === 'string' && data.startsWith('UPID:') ? data : undefined;
}

async function labFor({ personality, node, file }: Recording, set: string): Promise<Lab> {
  const lab = createLab(personality, node);
  if (RUNNING_AT_START.has(set)) await startMachine(lab.core);
  if (file.includes('wizard') || set === 'misc') grantAgent(lab.core);
  return lab;
}

/** Requests that were sent at once carry the same note, which says so. */
function simultaneous(entries: readonly Recorded[], from: number): Recorded[] {
  const note = entries[from]?.note;
  const group = entries.slice(from, from + 1);
  if (note === undefined || !/^(parallel|nextid race)/.test(note)) return group;
  for (let next = from + 1; entries[next]?.note === note; next++) group.push(...entries.slice(next, next + 1));
  return group;
}

async function ask(
  lab: Lab,
  recorded: Recorded,
  substitutions: Substitutions,
  later: readonly Recorded[],
): Promise<Answer | undefined> {
  const { core, clock } = lab;
  const method = recorded.method;
  const path = substitutions.apply(recorded.path);
  const below = decodeURIComponent(path.split('?')[0] ?? '');
  const serves = createRouter(core.endpoints, core.pve.personality)(method, below) !== undefined;
  // What is refused before or without an endpoint is compared too.
  if (!serves && recorded.status !== 501 && recorded.status !== 401) return undefined;
  await passTime(lab, recorded, substitutions);
  if (saysStopped(recorded)) await settle(clock, core.pve.taskEnd(below.split('/')[4] ?? ''));
  const answer = await settle(
    clock,
    core.handle({
      method,
      path: `/api2/json${path}`,
      headers: headersOf(lab, recorded),
      ...(recorded.body === undefined ? {} : { body: bodyOf(lab, recorded.body, substitutions) }),
    }),
  );
  const body = parsed(answer.body);
  substitutions.learn(recorded.response, body);
  const upid = taskOf(body);
  if (upid !== undefined) substitutions.taskAt = clock.now();
  const ends = upid !== undefined && recorded.task !== undefined && !isWatched(recorded, later);
  return {
    status: answer.status,
    statusText: answer.statusText,
    connection: answer.headers['connection'] ?? '',
    contentType: answer.headers['content-type'],
    body,
    ...(ends ? { exitStatus: await settle(clock, core.pve.taskEnd(upid)) } : {}),
  };
}

/** The host was asked about its task, and it had ended. */
function saysStopped({ path, response }: Recorded): boolean {
  if (!/\/tasks\/[^/]+\/status$/.test(path)) return false;
  return (response as { data?: { status?: string } } | null)?.data?.status === 'stopped';
}

/** Later requests look at the task while it runs, or stop it. */
function isWatched({ response, note = '' }: Recorded, later: readonly Recorded[]): boolean {
  if (note.includes('had ended before')) return false;
  if (note.includes('cuts short')) return true;
  const upid = taskOf(response);
  return upid !== undefined && later.some(({ path }) => decodeURIComponent(path).includes(upid));
}

/** Lets as much time pass as had passed for the recorded host. */
async function passTime({ core, clock }: Lab, recorded: Recorded, { taskAt }: Substitutions): Promise<void> {
  const { note = '', path, status } = recorded;
  if (note.startsWith('after the full clone')) await settle(clock, core.tasks.settled());
  const [, count, unit] = /(\d+) (ms|s) after the (?:answer|start)/.exec(note) ?? [];
  if (count !== undefined && taskAt !== undefined) {
    await pass(clock, taskAt + Number(count) * (unit === 's' ? 1000 : 1) - clock.now());
  }
  // Guests boot as long as they please: what the recorded one had answered, this one will.
  const [, vmid] = /\/qemu\/(\d+)\/agent\//.exec(path) ?? [];
  const boot = core.cluster.guests.get(Number(vmid))?.boot;
  if (boot && status === 200) await pass(clock, boot.at + core.pve.timings.addressMs - clock.now());
}

function parsed(text: string): unknown {
  try {
    return text === '' ? '' : JSON.parse(text);
  } catch {
    return text;
  }
}

function headersOf({ core }: Lab, { token, note = '', body, method }: Recorded): Record<string, string> {
  const type = body?.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded';
  return { 'content-type': type, ...credentials(core, token, note, method) };
}

function credentials(core: Lab['core'], token: string, note: string, method: string): Record<string, string> {
  if (token === '') return note === 'bad header form' ? { authorization: 'PVEAPIToken root@pam!lab:x' } : {};
  if (token === 'garbage') return { authorization: 'PVEAPIToken=garbage' };
  if (token.endsWith(' (ticket)')) return ticketHeaders(core, note, method);
  const [user = '', name = ''] = (token === 'root' ? 'root@pam!lab' : token).split('!');
  // A token that is gone is asked with the secret it had: any will do.
  const secret = note.startsWith('bad token secret') ? 'wrong' : core.cluster.users.get(user)?.tokens.get(name)?.secret;
  return { authorization: `PVEAPIToken=${user}!${name}=${secret ?? 'gone'}` };
}

function ticketHeaders(core: Lab['core'], note: string, method: string): Record<string, string> {
  const session = core.pve.login('root@pam', LAB_PASSWORD);
  if (!session) throw new Error('root cannot log in');
  const cookie = (ticket: string): string => `PVEAuthCookie=${encodeURIComponent(ticket)}`;
  if (note.includes('broken signature')) return { cookie: cookie(`${session.ticket.slice(0, -6)}AAAAA=`) };
  if (note.includes('older time stamp'))
    return { cookie: cookie(session.ticket.replace(/:[0-9A-F]{8}::/, ':6B000000::')) };
  const known = { cookie: cookie(session.ticket) };
  if (note.includes('bad API token header')) return { ...known, authorization: 'PVEAPIToken=x@pve!y=z' };
  if (method === 'GET' || note.includes('without CSRF')) return known;
  return { ...known, csrfpreventiontoken: note.includes('wrong CSRF') ? '00000000:nonsense' : session.csrf };
}

/** Tickets are blanked out in the recordings. */
function bodyOf({ core }: Lab, body: string, substitutions: Substitutions): string {
  const ticket = core.pve.login('root@pam', LAB_PASSWORD)?.ticket ?? '';
  return substitutions.apply(body.replace(/password=TICKET$/, `password=${encodeURIComponent(ticket)}`));
}
