import { SandboxRefusal } from './api.ts';
import type { CreateOrder, GuestConfig } from './machine.ts';
import type { ScriptOrder } from './scripts.ts';

/** Reads the body of a create call. Throws `invalid`, naming the field. */
export function readOrder(body: string | undefined): CreateOrder {
  const fields = readObject(body);
  return {
    name: hostName(fields.name, 'name'),
    labels: labels(fields.labels),
    cpuCores: size(fields.cpu_cores, 'cpu_cores', 0.1, 1024),
    memoryMb: size(fields.memory_mb, 'memory_mb', 1, 2 ** 30),
    diskGb: size(fields.disk_gb, 'disk_gb', 1, 2 ** 30),
  };
}

/** Reads the body of a configure call; what is absent stays as it is. */
export function readConfig(body: string | undefined): GuestConfig {
  const fields = readObject(body);
  return {
    ...(fields.hostname === undefined ? {} : { hostname: hostName(fields.hostname, 'hostname') }),
    ...(fields.authorized_keys === undefined ? {} : { authorizedKeys: keys(fields.authorized_keys) }),
    ...(fields.root_password === undefined ? {} : { rootPassword: password(fields.root_password) }),
    ...(fields.host_key === undefined ? {} : { hostKey: text(fields.host_key, 'host_key', 16_384) }),
    ...(fields.user_data === undefined ? {} : { userData: text(fields.user_data, 'user_data', MAX_USER_DATA) }),
  };
}

/** Reads the body of a script call. */
export function readScript(body: string | undefined): ScriptOrder {
  const fields = readObject(body);
  return {
    id: text(fields.id, 'id', 64),
    content: text(fields.content, 'content', 65_536),
    limitSeconds: size(fields.limit_seconds, 'limit_seconds', 1, 86_400),
  };
}

/** As large as a document for a machine may be. */
export const MAX_USER_DATA = 65_536;

/** `?label=name=value`, repeatable: all must match. */
export function readLabelFilter(query: URLSearchParams): readonly (readonly [string, string])[] {
  return query.getAll('label').map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw invalid('label', 'name=value');
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
}

function readObject(body: string | undefined): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body ?? '');
  } catch {
    throw new SandboxRefusal('invalid', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('body', 'an object');
  return value as Record<string, unknown>;
}

function hostName(value: unknown, field: string): string {
  if (typeof value !== 'string' || !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)) {
    throw invalid(field, 'a host name of at most 63 characters');
  }
  return value;
}

function labels(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw invalid('labels', 'an object of texts');
  for (const text of Object.values(value)) if (typeof text !== 'string') throw invalid('labels', 'an object of texts');
  return { ...(value as Record<string, string>) };
}

function size(value: unknown, field: string, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw invalid(field, `a number from ${least} to ${most}`);
  }
  return value;
}

function keys(value: unknown): readonly string[] {
  const ok =
    Array.isArray(value) && value.every((key) => typeof key === 'string' && /^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$/.test(key));
  if (!ok) throw invalid('authorized_keys', 'a list of `type base64`');
  return value;
}

function password(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{8,128}$/.test(value))
    throw invalid('root_password', '8 to 128 signs');
  return value;
}

function text(value: unknown, field: string, most: number): string {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > most)
    throw invalid(field, `a text of at most ${most} bytes`);
  return value;
}

function invalid(field: string, expected: string): SandboxRefusal {
  return new SandboxRefusal('invalid', `${field}: expected ${expected}`);
}
