import { request } from 'node:http';
import { AgentNotRunning } from './local-client.ts';

/** One frame of the agent's event stream; `reset` means that events were missed and the status has to be read again. */
export interface FollowedEvent {
  readonly id: string;
  readonly kind: 'change' | 'reset';
  readonly data: unknown;
}

/**
 * Follows the running agent's events until the signal is aborted or the agent goes away, then ends. With `lastId` it begins
 * with what was missed since. Throws AgentNotRunning when nobody listens.
 */
export async function* followEvents(
  socketPath: string,
  signal: AbortSignal,
  lastId?: string,
): AsyncGenerator<FollowedEvent, void, undefined> {
  const chunks = await open(socketPath, signal, lastId);
  let pending = '';
  try {
    for await (const chunk of chunks) {
      pending += chunk;
      for (let end = pending.indexOf('\n\n'); end >= 0; end = pending.indexOf('\n\n')) {
        const event = parseFrame(pending.slice(0, end));
        pending = pending.slice(end + 2);
        if (event) yield event;
      }
    }
  } catch (error) {
    // The agent stopped, or we were told to: both are how a stream ends.
    if (!signal.aborted && !isDisconnect(error)) throw error;
  }
}

function open(socketPath: string, signal: AbortSignal, lastId: string | undefined): Promise<AsyncIterable<string>> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'dc-agent', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
    const outgoing = request({ socketPath, path: '/v1/events', headers, signal }, (response) => {
      response.setEncoding('utf8');
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`The agent on ${socketPath} answered ${response.statusCode} instead of its events.`));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      reject(nobody ? new AgentNotRunning(socketPath, error) : error);
    });
    outgoing.end();
  });
}

function parseFrame(frame: string): FollowedEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of frame.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const id = fields.get('id');
  const kind = fields.get('event');
  if (id === undefined || (kind !== 'change' && kind !== 'reset')) return undefined;
  return { id, kind, data: JSON.parse(fields.get('data') ?? 'null') };
}

function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
