import { unprocessable } from '../api.ts';
import type { Endpoint } from '../call.ts';
import { dropletOf } from './droplets.ts';

const STEP_S = 60;
const MOST_SAMPLES = 1_000;

/** Rates and no counters: a sample for each minute in which the droplet was on. */
export const metrics: Endpoint = {
  call: 'GET /monitoring/metrics/droplet/bandwidth',
  handle({ cloud, query }) {
    const droplet = dropletOf(cloud, query.get('host_id') ?? '');
    const [start, end] = [seconds(query.get('start')), seconds(query.get('end'))];
    const direction = query.get('direction');
    if (query.get('interface') !== 'public' || (direction !== 'inbound' && direction !== 'outbound')) {
      throw unprocessable('interface must be public or private, direction inbound or outbound');
    }
    const { mbpsIn, mbpsOut } = cloud.options;
    const from = Math.max(start, droplet.created / 1_000);
    const values: [number, string][] = [];
    for (let at = Math.ceil(from / STEP_S) * STEP_S; at <= end && values.length < MOST_SAMPLES; at += STEP_S) {
      if (droplet.activeAt !== undefined) values.push([at, String(direction === 'inbound' ? mbpsIn : mbpsOut)]);
    }
    const metric = { direction, host_id: String(droplet.id), interface: 'public' };
    // A droplet that has not been measured has no row at all.
    const result = values.length === 0 ? [] : [{ metric, values }];
    return { status: 200, body: { status: 'success', data: { resultType: 'matrix', result } } };
  },
};

function seconds(text: string | null): number {
  if (text === null || !/^\d{1,12}$/.test(text)) throw unprocessable('start and end must be Unix times');
  return Number(text);
}
