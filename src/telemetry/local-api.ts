import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Cancel } from '../ports/clock.ts';
import { type AgentEvent, createEventStream } from './event-stream.ts';
import { bindSocket } from './local-socket.ts';
import { redact } from './redact.ts';
import { type AgentStatusDocument, readiness } from './status.ts';

export interface ActionAnswer {
  readonly ok: boolean;
  /** One sentence for the operator: what was done, or why not. */
  readonly text: string;
}

/** What an operator may ask of the running agent. */
export interface LocalActions {
  /** Releases actions that the breaker holds back: those of the contracts named, or all when none is named. */
  approve(contracts: readonly string[]): Promise<ActionAnswer>;
  /** Gives one machine a new password, which the platform hands to its tenant; sealed to `sealFor` before it leaves this host. */
  resetPassword(contract: string, sealFor?: string): Promise<ActionAnswer>;
  drain(): Promise<ActionAnswer>;
  resume(): Promise<ActionAnswer>;
}

export interface LocalApiOptions {
  readonly socketPath: string;
  status(): AgentStatusDocument;
  /** Calls `listener` for each event from now on. */
  subscribe(listener: (event: AgentEvent) => void): Cancel;
  readonly actions: LocalActions;
}

export interface LocalApi {
  close(): Promise<void>;
}

/**
 * The agent's local door: HTTP on a unix socket (mode 0660), for `dc-agent status`, monitoring and the operator.
 * Whoever may open the socket may act; it answers with nothing secret, and never touches a tenant's machine by itself.
 *
 * GET /v1/status · GET /livez · GET /readyz (503 with the reasons) · GET /v1/events (server-sent, resumable)
 * POST /v1/approve {"contracts":[…]} · POST /v1/reset-password {"contracts":[one],"sealFor"?} · POST /v1/drain · POST /v1/resume
 */
export async function startLocalApi(options: LocalApiOptions): Promise<LocalApi> {
  const events = createEventStream(options.status().startedAt);
  const unsubscribe = options.subscribe((event) => events.publish(event));
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, { error: redact(error) });
      else response.destroy();
    });
  });
  server.requestTimeout = 10_000;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const route = `${request.method} ${path}`;
    switch (route) {
      case 'GET /v1/status':
        return send(response, 200, redact(options.status(), { items: 100_000 }));
      case 'GET /livez':
        return send(response, 200, { live: true });
      case 'GET /readyz': {
        const answer = readiness(options.status());
        return send(response, answer.ready ? 200 : 503, redact(answer));
      }
      case 'GET /v1/events':
        return events.serve(response, request.headers['last-event-id']);
      case 'POST /v1/approve': {
        const contracts = readContracts(await readBody(request));
        if (!contracts) return send(response, 400, { error: 'Expected {"contracts": ["…"]}, or no body for all.' });
        return sendAnswer(response, await options.actions.approve(contracts));
      }
      case 'POST /v1/reset-password': {
        const body = await readBody(request);
        const [contract, ...others] = readContracts(body) ?? [];
        const sealFor = readSealFor(body);
        if (contract === undefined || others.length > 0 || sealFor === 'invalid')
          return send(response, 400, {
            error: 'Expected {"contracts": ["…"]} with one contract, and perhaps {"sealFor": "64 hex digits"}.',
          });
        return sendAnswer(response, await options.actions.resetPassword(contract, sealFor));
      }
      case 'POST /v1/drain':
        return sendAnswer(response, await options.actions.drain());
      case 'POST /v1/resume':
        return sendAnswer(response, await options.actions.resume());
      default:
        if (ALLOWED[path]) {
          response.setHeader('allow', ALLOWED[path]);
          return send(response, 405, { error: `${path} takes ${ALLOWED[path]}.` });
        }
        return send(response, 404, { error: `There is nothing at ${path}.` });
    }
  };

  let release: () => Promise<void>;
  try {
    release = await bindSocket(server, options.socketPath);
  } catch (error) {
    // A failed start leaves nothing behind.
    unsubscribe();
    throw error;
  }
  return {
    async close() {
      unsubscribe();
      events.close();
      server.closeAllConnections();
      await release();
    },
  };
}

const ALLOWED: Readonly<Record<string, string>> = {
  '/v1/status': 'GET',
  '/livez': 'GET',
  '/readyz': 'GET',
  '/v1/events': 'GET',
  '/v1/approve': 'POST',
  '/v1/reset-password': 'POST',
  '/v1/drain': 'POST',
  '/v1/resume': 'POST',
};

const MAX_BODY = 64 * 1024;

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`The request is larger than ${MAX_BODY} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Undefined when the body is not what the route takes: approving everything by mistake must not happen. */
function readContracts(body: string): readonly string[] | undefined {
  if (body.trim() === '') return [];
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || !('contracts' in parsed)) return undefined;
    const { contracts } = parsed;
    const valid = Array.isArray(contracts) && contracts.every((item): item is string => typeof item === 'string');
    return valid ? contracts : undefined;
  } catch {
    return undefined;
  }
}

/** Only for a body whose contracts were read. Anything odd is refused: a password must not go out unsealed by mistake. */
function readSealFor(body: string): string | undefined {
  if (body.trim() === '') return undefined;
  try {
    const { sealFor } = JSON.parse(body) as { readonly sealFor?: unknown };
    if (sealFor === undefined) return undefined;
    return typeof sealFor === 'string' && /^[0-9a-f]{64}$/.test(sealFor) ? sealFor : 'invalid';
  } catch {
    return 'invalid';
  }
}

function sendAnswer(response: ServerResponse, answer: ActionAnswer): void {
  send(response, answer.ok ? 200 : 409, redact(answer));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
