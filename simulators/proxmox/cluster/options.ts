import { badParameters, type Call, died, type Endpoint } from '../call.ts';
import { VMID } from '../rules.ts';

const NEXT_ID = {
  type: 'string',
  optional: true,
  properties: {
    lower: { type: 'integer', optional: true, minimum: 100, maximum: 999_999_999 },
    upper: { type: 'integer', optional: true, minimum: 100, maximum: 1_000_000_000 },
  },
} as const;

/** When datacenter.cfg names no range. */
const DEFAULT_RANGE = { lower: 100, upper: 1_000_000 };

export const optionEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/cluster/nextid',
    params: { vmid: { ...VMID, optional: true } },
    permission: 'all',
    handle: nextId,
  },
  {
    method: 'GET',
    path: '/cluster/options',
    params: {},
    permission: 'all',
    handle: show,
  },
  {
    method: 'PUT',
    path: '/cluster/options',
    params: {
      'next-id': NEXT_ID,
      description: { type: 'string', optional: true, maxLength: 64 * 1024 },
      delete: { type: 'string', optional: true, format: 'pve-configid-list' },
    },
    permission: ['perm', '/', ['Sys.Modify']],
    protected: true,
    handle: update,
  },
];

/** The lowest free id. It reserves nothing: whoever asks meanwhile gets the same. A named id is only looked up. */
function nextId({ params, pve: { cluster } }: Call): string {
  if (params.has('vmid')) {
    const vmid = params.int('vmid');
    if (cluster.guests.has(vmid)) throw badParameters({ vmid: `VM ${vmid} already exists` });
    return String(vmid);
  }
  const { lower, upper } = cluster.nextId;
  for (let vmid = lower; vmid < upper; vmid++) if (!cluster.guests.has(vmid)) return String(vmid);
  throw died(`unable to get any free VMID in range [${lower}, ${upper}]`);
}

/** Everything for an auditor; the rest of the world sees only what the web interface needs. */
function show({ pve: { cluster }, may }: Call): object {
  const { lower, upper } = cluster.nextId;
  const own = lower !== DEFAULT_RANGE.lower || upper !== DEFAULT_RANGE.upper;
  const tags = new Set([...cluster.guests.values()].flatMap((guest) => guest.config.get('tags')?.split(';') ?? []));
  const visible = { 'allowed-tags': [...tags].toSorted(), ...Object.fromEntries(cluster.options) };
  if (!may('/', 'Sys.Audit')) return visible;
  return {
    mac_prefix: 'BC:24:11',
    description: '',
    ...visible,
    ...(own ? { 'next-id': { lower: String(lower), upper: String(upper) } } : {}),
  };
}

function update({ params, pve: { cluster } }: Call): null {
  for (const name of params.list('delete')) {
    if (name === 'next-id') cluster.nextId = { ...DEFAULT_RANGE };
    else cluster.options.delete(name);
  }
  if (params.has('description')) cluster.options.set('description', params.text('description'));
  if (params.has('next-id')) {
    const bound = (key: string, otherwise: number): number =>
      Number(new RegExp(`${key}=(\\d+)`).exec(params.text('next-id'))?.[1] ?? otherwise);
    cluster.nextId = { lower: bound('lower', DEFAULT_RANGE.lower), upper: bound('upper', DEFAULT_RANGE.upper) };
  }
  return null;
}
