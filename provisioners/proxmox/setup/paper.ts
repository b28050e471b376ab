import { type Clock, Secret, silentLog } from '../../../src/provisioner/index.ts';
import { createPve } from '../api.ts';
import type { PveRequest, PveResponse, PveTransport } from '../transport.ts';
import type { Step, Work } from './work.ts';

export interface Rehearsed {
  readonly says: string;
  /** What goes over the wire, or is written here, one line each. Reads are left out. */
  readonly calls: readonly string[];
}

/**
 * What the steps do when all goes well: they are run, against a host that exists on paper only and says yes to everything. So what a
 * dry run shows cannot differ from what is done.
 */
export async function rehearse(steps: readonly Step[], clock: Clock, signal: AbortSignal): Promise<Rehearsed[]> {
  let lines: string[] = [];
  const transport = paperHost((line) => lines.push(line));
  const credentials = { how: 'ticket', ticket: new Secret('paper'), csrf: new Secret('paper') } as const;
  const work: Work = {
    pve: createPve(transport, credentials, { clock, log: silentLog }),
    clock,
    signal,
    say: () => {},
    keepToken: async () => {},
    snippets: {
      write: async (volid) => void lines.push(`write the file of ${volid} on this host`),
      remove: async (volid) => void lines.push(`remove the file of ${volid} on this host`),
    },
  };
  const rehearsed: Rehearsed[] = [];
  for (const step of steps) {
    lines = [];
    await step.apply(work);
    rehearsed.push({ says: step.says, calls: lines });
  }
  return rehearsed;
}

const TASK = 'UPID:paper:00000001:00000001:00000001:paper::root@pam:';

function paperHost(onCall: (line: string) => void): PveTransport {
  let description = '';
  return {
    async send({ method, path, body }) {
      const call = path.replace('/api2/json', '');
      if (method === 'GET') {
        if (call.includes('/tasks?')) return answer([]);
        if (call.includes('/tasks/')) return answer({ status: 'stopped', exitstatus: 'OK' });
        return answer({ digest: '0'.repeat(40), description });
      }
      const params = readParams(body);
      onCall(
        [`${method} ${decodeURIComponent(call)}`, ...params.map(([name, value]) => `${name}=${quoted(value)}`)].join(
          ' ',
        ),
      );
      description = params.find(([name]) => name === 'description')?.[1] ?? description;
      if (method === 'POST' && call.includes('/token/')) return answer({ 'full-tokenid': 'paper', value: 'paper' });
      return answer(startsTask(method, call) ? TASK : null);
    },
    close: async () => {},
  };
}

function startsTask(method: PveRequest['method'], call: string): boolean {
  return (method === 'POST' && call.startsWith('/nodes/')) || (method === 'DELETE' && call.includes('/content/'));
}

function readParams(body: string | undefined): [string, string][] {
  if (body === undefined) return [];
  const parsed: unknown = JSON.parse(body);
  return Object.entries(parsed ?? {}).map(([name, value]) => [name, String(value)]);
}

/** On one line. */
function quoted(value: string): string {
  return /\s/.test(value) ? JSON.stringify(value) : value;
}

function answer(data: unknown): PveResponse {
  return {
    status: 200,
    statusText: 'OK',
    headers: { 'content-type': 'application/json;charset=UTF-8' },
    body: JSON.stringify({ data }),
  };
}
