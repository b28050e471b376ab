import { EXCUSES } from './excuses.ts';
import type { Recorded, Recording } from './recordings.ts';
import type { Replayed } from './replayer.ts';

export interface Comparison {
  readonly compared: number;
  readonly excused: number;
  readonly unserved: readonly string[];
  readonly differences: readonly string[];
}

/** Status, reason phrase, message, errors, headers of the connection, and how tasks ended; of some answers the data too. */
export function compare({ file }: Recording, replayed: readonly Replayed[]): Comparison {
  const unserved: string[] = [];
  const differences: string[] = [];
  let compared = 0;
  let excused = 0;
  for (const { index, recorded, answer } of replayed) {
    if (!answer) {
      unserved.push(`${recorded.method} ${recorded.path}`);
      continue;
    }
    if (excuseFor(file, recorded) !== undefined) {
      excused += 1;
      continue;
    }
    compared += 1;
    const wanted = facts(recorded, recorded.response, recorded);
    const given = facts(recorded, answer.body, {
      ...answer,
      ...(recorded.task && answer.exitStatus !== undefined ? { task: { exitstatus: answer.exitStatus } } : {}),
    });
    const wrong = Object.entries(wanted).filter(
      ([what, value]) => JSON.stringify(value) !== JSON.stringify(given[what]),
    );
    if (wrong.length === 0) continue;
    const where = `${index} ${recorded.set} "${recorded.note ?? ''}" ${recorded.method} ${recorded.path}`;
    const how = wrong.map(
      ([what, value]) => `${what} ${JSON.stringify(given[what])}, recorded ${JSON.stringify(value)}`,
    );
    differences.push(`${where}: ${how.join('; ')}`);
  }
  return { compared, excused, unserved, differences };
}

function excuseFor(file: string, { note = '', path, set }: Recorded): string | undefined {
  return EXCUSES.find(
    (excuse) =>
      (excuse.file === undefined || file.includes(excuse.file)) &&
      (excuse.set === undefined || excuse.set === set) &&
      (excuse.note === undefined || excuse.note.test(note)) &&
      (excuse.path === undefined || excuse.path.test(path)),
  )?.why;
}

interface Heads {
  readonly status: number;
  readonly statusText: string;
  readonly connection: string;
  readonly contentType?: string | undefined;
  readonly task?: { readonly exitstatus?: string };
}

function facts(recorded: Recorded, body: unknown, heads: Heads): Record<string, unknown> {
  const { message, errors, data } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  return {
    status: heads.status,
    reason: plain(heads.statusText),
    connection: heads.connection,
    ...(recorded.contentType === undefined ? {} : { contentType: heads.contentType }),
    message: plain(message),
    errors: sorted(errors),
    ...(typeof body === 'string' ? { text: body } : {}),
    ...(recorded.task ? { exitStatus: plain(heads.task?.exitstatus) } : {}),
    ...(recorded.status === 200 ? { data: comparable(recorded, data) } : {}),
  };
}

/** The recorded host's own build of QEMU, and names that are different every time. */
function plain(value: unknown): unknown {
  return typeof value === 'string'
    ? value.replaceAll('qemu-img.distrib', 'qemu-img').replaceAll(/tmp_dwnl\.\d+/g, 'tmp_dwnl.N')
    : value;
}

/** Of answers that are all state and no chance, the whole of it; of others only its form. */
function comparable({ path, method }: Recorded, data: unknown): unknown {
  if (method !== 'GET') return typeof data === 'string' && data.startsWith('UPID:') ? upidForm(data) : typeOf(data);
  const [place = ''] = path.split('?');
  if (/^\/access\/(acl|roles|permissions|domains|users)|^\/cluster\/nextid|^\/pools$/.test(place))
    return sorted(shown(place, data));
  if (place.endsWith('/content') && Array.isArray(data))
    return data.map(({ volid }: { volid: string }) => volid).toSorted();
  return typeOf(data);
}

function shown(place: string, data: unknown): unknown {
  if (place !== '/pools' || !Array.isArray(data)) return data;
  return data.map(({ poolid, comment, members }: Record<string, unknown>) => ({
    poolid,
    comment,
    members: Array.isArray(members),
  }));
}

/** Everything of a UPID but process, time and node. */
function upidForm(upid: string): string {
  const [, , , , , type, id, user] = upid.split(':');
  return `${type}:${id}:${user}`;
}

function typeOf(data: unknown): string {
  if (data === null || data === undefined) return 'null';
  return Array.isArray(data) ? 'list' : typeof data;
}

/** Perl's hashes have no order, and so neither have its lists of names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
