import { Secret } from '../../src/provisioner/index.ts';
import { PveProblem } from './errors.ts';
import type { PveRequest } from './transport.ts';

/** Who asks. A ticket lasts two hours and comes with a second value that writes must carry. */
export type PveCredentials =
  | { readonly how: 'token'; readonly id: string; readonly secret: Secret }
  | { readonly how: 'ticket'; readonly ticket: Secret; readonly csrf: Secret }
  /** Nobody: for the few calls that are open to all. */
  | { readonly how: 'none' };

/** Parameters by Proxmox's names. A Secret is sent, and never shown. Never null: Proxmox answers that with a Perl error. */
export type Params = Readonly<Record<string, Param | undefined>>;
export type Param = string | number | boolean | Secret | readonly string[];

type Asked = Pick<PveRequest, 'method'> & { readonly path: string; readonly params?: Params };

/** Parts of a path, encoded whole: ids of tasks and volumes are full of `:`, `/`, `@` and `!`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((done, part, index) => `${done}${segment(values[index - 1] ?? '')}${part}`);
}

/**
 * The request as it goes over the wire. Parameters of DELETE go into the query, since Proxmox refuses a DELETE with a body; those of
 * POST and PUT go as JSON, since its form parser splits values at `;`.
 */
export function requestOf(
  { method, path, params = {} }: Asked,
  credentials: PveCredentials,
): Omit<PveRequest, 'signal'> {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const headers = { accept: 'application/json', ...authorization(credentials, method) };
  const target = `/api2/json${path}`;
  if (given.length === 0) return { method, path: target, headers };
  if (method === 'GET' || method === 'DELETE') return { method, path: `${target}?${query(given)}`, headers };
  return {
    method,
    path: target,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(Object.fromEntries(given.map(([name, value]) => [name, plain(value)]))),
  };
}

export function secretsOf(credentials: PveCredentials, params: Params = {}): Secret[] {
  const own =
    credentials.how === 'token'
      ? [credentials.secret]
      : credentials.how === 'ticket'
        ? [credentials.ticket, credentials.csrf]
        : [];
  return [...own, ...Object.values(params).filter((value) => value instanceof Secret)];
}

/** Takes secrets out of texts that a host or a library sent back: some errors repeat what they were given. */
export function scrubber(secrets: readonly Secret[]): (text: string) => string {
  const hidden = secrets.flatMap((secret) => {
    const text = secret.reveal();
    return text === '' ? [] : [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];
  });
  return (text) => hidden.reduce((clean, secret) => clean.replaceAll(secret, '•••'), text);
}

function segment(value: string | number): string {
  const text = String(value);
  // These would make another path of it.
  if (text === '' || text === '.' || text === '..') {
    throw new PveProblem('config', 'bad-request', `'${text}' names nothing on a Proxmox host`);
  }
  return encodeURIComponent(text);
}

function authorization(credentials: PveCredentials, method: string): Record<string, string> {
  if (credentials.how === 'token') {
    return { authorization: `PVEAPIToken=${credentials.id}=${credentials.secret.reveal()}` };
  }
  if (credentials.how === 'none') return {};
  return {
    cookie: `PVEAuthCookie=${encodeURIComponent(credentials.ticket.reveal())}`,
    ...(method === 'GET' ? {} : { csrfpreventiontoken: credentials.csrf.reveal() }),
  };
}

function query(given: readonly (readonly [string, Param])[]): string {
  return given
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [plain(value)]).map((one) => [name, String(one)]))
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
}

/** Truth as 1 and 0, which every version takes in every place. */
function plain(value: Param): string | number | readonly string[] {
  if (value instanceof Secret) return value.reveal();
  return typeof value === 'boolean' ? Number(value) : value;
}
