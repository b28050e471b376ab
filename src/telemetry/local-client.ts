import { request } from 'node:http';
import type { AgentStatusDocument } from './status.ts';

export interface LocalAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Nobody listens on the socket: the agent is not running, or not on this state directory. */
export class AgentNotRunning extends Error {
  override readonly name = 'AgentNotRunning';
  readonly socketPath: string;

  constructor(socketPath: string, cause: unknown) {
    super(`No agent answers on ${socketPath}.`, { cause });
    this.socketPath = socketPath;
  }
}

export interface LocalCall {
  readonly method?: 'GET' | 'POST';
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

const MAX_ANSWER = 64 * 1024 * 1024;

/** One call to the running agent. Throws AgentNotRunning when there is none; other errors mean that it runs but did not answer. */
export function callLocalApi(socketPath: string, path: string, call: LocalCall = {}): Promise<LocalAnswer> {
  const timeoutMs = call.timeoutMs ?? 5000;
  return new Promise((resolve, reject) => {
    const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
    const outgoing = request(
      {
        socketPath,
        path,
        method: call.method ?? 'GET',
        headers: { host: 'dc-agent', ...(payload ? { 'content-type': 'application/json' } : {}) },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER) outgoing.destroy(new Error('The answer is too large to be the agent’s.'));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
          } catch (cause) {
            reject(new Error(`What answers on ${socketPath} is not this agent.`, { cause }));
          }
        });
      },
    );
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') reject(new AgentNotRunning(socketPath, error));
      else if (error.name === 'TimeoutError' || error.name === 'AbortError') {
        reject(new Error(`The agent on ${socketPath} did not answer within ${timeoutMs} ms.`, { cause: error }));
      } else if (error.code === 'EACCES') {
        reject(
          new Error(`${socketPath} may not be opened by this user; use the agent's user, its group or root.`, {
            cause: error,
          }),
        );
      } else reject(error);
    });
    outgoing.end(payload);
  });
}

/** The running agent's status document. */
export async function readLocalStatus(socketPath: string): Promise<AgentStatusDocument> {
  const answer = await callLocalApi(socketPath, '/v1/status');
  if (answer.status !== 200 || !isStatusDocument(answer.body)) {
    throw new Error(
      `The agent on ${socketPath} answered ${answer.status} instead of its status; is it another version?`,
    );
  }
  return answer.body;
}

/** Checks what rendering relies on; the rest of the document comes from the same program. */
function isStatusDocument(body: unknown): body is AgentStatusDocument {
  if (typeof body !== 'object' || body === null) return false;
  const document = body as Partial<Record<keyof AgentStatusDocument, unknown>>;
  const arrays = [document.targets, document.contracts, document.declined, document.findings];
  const objects = [document.platform, document.breaker];
  return (
    typeof document.phase === 'string' &&
    arrays.every(Array.isArray) &&
    objects.every((value) => typeof value === 'object' && value !== null)
  );
}
