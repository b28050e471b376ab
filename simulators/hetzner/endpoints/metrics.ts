import { invalid, type Reply } from '../api.ts';
import type { Call } from '../call.ts';
import { type Cloud, serverOf } from '../cloud.ts';
import type { Server } from '../state.ts';

const KEPT_MS = 30 * 86_400_000;
const USUAL_SAMPLES = 200;
const MOST_SAMPLES = 500;

/** Rates, as text, per time series; nothing outside the last 30 days and none from before the server was. */
export function metrics({ cloud, id, query }: Call): Reply {
  const server = serverOf(cloud, id);
  const kinds = query.getAll('type').flatMap((text) => text.split(','));
  if (kinds.length === 0) throw invalid('type', 'is required');
  const start = moment(query, 'start');
  const end = moment(query, 'end');
  if (end <= start) throw invalid('end', 'must be after start');
  const step = stepOf(query, end - start);
  const series = kinds.flatMap((kind) => {
    const names = Object.hasOwn(SERIES, kind) ? SERIES[kind] : undefined;
    if (!names) throw invalid('type', `unknown value '${kind}'`);
    return Object.entries(names);
  });
  const since = runningSince(cloud, server);
  const times = samples(cloud, server, start, end, step);
  const time_series = Object.fromEntries(
    series.map(([name, rate]) => [
      name,
      { values: times.map((at) => [at / 1_000, at < since ? '0' : String(rate(cloud) * wave(at))]) },
    ]),
  );
  const metrics = { start: new Date(start).toISOString(), end: new Date(end).toISOString(), step, time_series };
  return { status: 200, body: { metrics } };
}

/** Around 1, over a minute: a flat line would be an idle server, and at least one client fails to draw it. */
function wave(at: number): number {
  return 1 + 0.2 * Math.sin((at / 60_000) * 2 * Math.PI + 1);
}

const SERIES: Readonly<Record<string, Readonly<Record<string, (cloud: Cloud) => number>>>> = {
  cpu: { cpu: () => 12.5 },
  disk: {
    'disk.0.iops.read': () => 3,
    'disk.0.iops.write': () => 5,
    'disk.0.bandwidth.read': () => 12_288,
    'disk.0.bandwidth.write': () => 20_480,
  },
  network: {
    'network.0.pps.in': ({ options }) => options.bytesInPerSecond / 500,
    'network.0.pps.out': ({ options }) => options.bytesOutPerSecond / 500,
    'network.0.bandwidth.in': ({ options }) => options.bytesInPerSecond,
    'network.0.bandwidth.out': ({ options }) => options.bytesOutPerSecond,
  },
};

/** Only the present run is known; earlier ones read as idle. */
function runningSince({ clock }: Cloud, server: Server): number {
  return server.startedAt === undefined ? Infinity : clock.now() - (clock.monotonic() - server.startedAt);
}

function samples({ clock }: Cloud, server: Server, start: number, end: number, step: number): number[] {
  const now = clock.now();
  const first = Math.max(start, server.created, now - KEPT_MS);
  const times: number[] = [];
  for (let at = start; at <= Math.min(end, now); at += step * 1_000) if (at >= first) times.push(at);
  return times;
}

function stepOf(query: URLSearchParams, span: number): number {
  const text = query.get('step');
  const asked = text === null ? span / 1_000 / USUAL_SAMPLES : Number(text);
  if (!Number.isFinite(asked) || asked <= 0) throw invalid('step', 'must be a positive number');
  return Math.max(1, Math.ceil(asked), Math.ceil(span / 1_000 / MOST_SAMPLES));
}

function moment(query: URLSearchParams, name: 'start' | 'end'): number {
  const text = query.get(name) ?? '';
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(name, 'must be a time in RFC 3339 format');
  return ms;
}
