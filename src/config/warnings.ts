import { isIP } from 'node:net';
import type { z } from 'zod';
import type { KeyPath } from './locate.ts';
import { keysOf, TABLES } from './reference.ts';
import type { Report } from './report.ts';
import { isTable, type Table, valueAt } from './tables.ts';
import type { ReadTarget } from './targets.ts';

/** Warns about values that work and yet are probably not meant. */
export function warnAboutValues(document: Table, report: Report): void {
  const api = isTable(document.api) ? document.api : {};
  if (typeof api.endpoint === 'string' && isPlainHttp(api.endpoint)) {
    report.warn('plain-http', ['api', 'endpoint'], 'is not encrypted; machines’ passwords travel in the clear');
  }
  const key = api.agent_secret_key;
  if (typeof key === 'string' && !/^[0-9a-f]{64}$/i.test(key.trim()) && !key.trim().startsWith('/')) {
    report.warn(
      'relative-path',
      ['api', 'agent_secret_key'],
      'depends on where the agent is started; write the whole path',
    );
  }
  const gateway = isTable(document.gateway) ? document.gateway : {};
  if (typeof gateway.public_ip === 'string' && isPrivate(gateway.public_ip)) {
    report.warn(
      'private-address',
      ['gateway', 'public_ip'],
      'is a private address; tenants reach it only from the same network',
    );
  }
}

/** Warns when others can read a secret in the file, or change what the agent does. */
export function warnAboutFile(document: Table, targets: readonly ReadTarget[], mode: number, report: Report): void {
  if ((mode & 0o022) !== 0) {
    report.warn('writable-file', [], 'the file can be changed by group or others; run: chmod go-w on it');
  }
  if ((mode & 0o044) !== 0) {
    for (const path of literalSecrets(document, targets)) {
      report.warn(
        'loose-file-mode',
        path,
        'is a secret in a file that others can read; run: chmod 600 on it, or use { file = ... }',
      );
    }
  }
}

function literalSecrets(document: Table, targets: readonly ReadTarget[]): KeyPath[] {
  const found: KeyPath[] = [];
  const look = (schema: z.ZodType, toDocument: (path: KeyPath) => KeyPath): void => {
    for (const { key, secret } of keysOf(schema)) {
      const path = toDocument([key]);
      if (secret && isLiteralSecret(path, valueAt(document, path))) found.push(path);
    }
  };
  look(TABLES.api, (path) => ['api', ...path]);
  if (typeof valueAt(document, ['api', 'provider_secret_key']) === 'string') found.push(['api', 'provider_secret_key']);
  for (const { schema, toDocument } of targets) look(schema, toDocument);
  return found;
}

/** The agent key may also be a path. */
function isLiteralSecret(path: KeyPath, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return path[0] !== 'api' || /^[0-9a-f]{64}$/i.test(value.trim());
}

function isPlainHttp(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}

function isPrivate(ip: string): boolean {
  return (
    isIP(ip) === 4 &&
    /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(ip)
  );
}
