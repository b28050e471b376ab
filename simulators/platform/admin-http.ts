import { z } from 'zod';
import { createVerbs } from './admin-verbs.ts';
import { type Answer, HttpError, json, Refusal } from './answers.ts';
import type { PlatformCore, PlatformRequest } from './core.ts';

/** What the admin interface may do beyond the core: things that belong to whoever started it. */
export interface AdminPowers {
  /** Moves the platform's clock; absent when it cannot be moved. */
  readonly advance?: (ms: number) => void;
}

export type AdminHandler = (request: PlatformRequest) => Answer;

/**
 * The admin interface for other processes: `POST /__admin/<verb>` with a JSON object, or `GET /__admin/contracts`.
 * Answers 200 with JSON, 400 with `{"error"}` for a bad body or a refusal, 404 for an unknown verb.
 */
export function createAdminHandler(core: PlatformCore, powers: AdminPowers): AdminHandler {
  const verbs = createVerbs(core, powers);
  return (request) => {
    // A web page could otherwise reach the loopback port of whoever looks at it.
    if (request.headers['origin'] !== undefined) return json(403, { error: 'Origin not allowed' });
    const name = request.path.split('?', 1)[0]?.slice('/__admin/'.length) ?? '';
    if (request.method === 'GET' && name === 'contracts') return json(200, contracts(core));
    const run = request.method === 'POST' ? verbs.get(name) : undefined;
    if (!run) return json(404, { error: `Unknown verb "${name}". Known: ${[...verbs.keys()].sort().join(', ')}` });
    if (!request.headers['content-type']?.startsWith('application/json')) {
      return json(415, { error: 'Expected Content-Type application/json' });
    }
    try {
      const result = run(request.body === '' ? {} : JSON.parse(request.body));
      return json(200, result ?? { done: true });
    } catch (error) {
      const problem = problemOf(error);
      if (problem === undefined) throw error;
      return json(400, { error: problem });
    }
  };
}

/** What the caller did wrong; undefined for a mistake of the simulator. */
function problemOf(error: unknown): string | undefined {
  if (error instanceof z.ZodError) return z.prettifyError(error);
  const refused = error instanceof Refusal || error instanceof HttpError || error instanceof SyntaxError;
  return refused ? error.message : undefined;
}

function contracts(core: PlatformCore): object {
  core.tick();
  return [...core.contracts.values()].map((contract) => ({
    contractId: contract.id,
    status: contract.status,
    payment: contract.paymentStatus,
    offering: contract.offeringSlug,
    lockedBy: core.locks.get(contract.id)?.agent,
    details: contract.details,
    terminated: contract.terminatedAt !== undefined,
    createdAt: contract.createdAt,
    statusUpdatedAt: contract.statusUpdatedAt,
    endsAt: contract.endAt,
  }));
}
