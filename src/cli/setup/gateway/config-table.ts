import { isDeepStrictEqual } from 'node:util';
import { parse } from 'smol-toml';
import { parseDocument } from '../../../config/document.ts';
import { isTable, type Table } from '../../../config/tables.ts';
import { ConfigError } from '../../../config/types.ts';
import { Failure } from '../../failure.ts';
import type { GatewayChoice } from './decide.ts';

/** `[gateway]` as the file has it; empty where it has none. */
export function standingTable(text: string, file: string): Table {
  const { gateway } = parseDocument(text, file).content;
  return isTable(gateway) ? gateway : {};
}

export interface GatewayText {
  readonly text: string;
  /** The lines that were put in, as they stand there; empty when nothing was missing. */
  readonly added: string;
}

/**
 * Adds to the configuration what its `[gateway]` lacks, and leaves every other line as it is. What the file says otherwise than was
 * asked for is the operator's to change: throws Failure and names it.
 */
export function withGateway(text: string, file: string, choice: GatewayChoice): GatewayText {
  const standing = standingTable(text, file);
  const wanted = wantedOf(choice);
  for (const [key, value] of Object.entries(wanted)) {
    if (standing[key] === undefined || isDeepStrictEqual(plain(standing[key]), value)) continue;
    throw new Failure({
      what: `${file} says gateway.${key} = ${JSON.stringify(standing[key])}, and ${JSON.stringify(value)} was asked for`,
      next: 'Correct it in the file, or leave the option away. Machines that have a name or a port already lose it when these change.',
    });
  }
  const missing = Object.entries(wanted).filter(([key]) => standing[key] === undefined);
  if (missing.length === 0) return { text, added: '' };
  const lines = missing.map(([key, value]) => `${key} = ${toml(value)}\n`).join('');
  const result = insert(text, lines);
  const expected = { ...parseDocument(text, file).content, gateway: { ...standing, ...Object.fromEntries(missing) } };
  if (!means(result.text, file, expected)) {
    throw new Failure({
      what: `[gateway] in ${file} is written in a way that this command cannot add to`,
      next: 'Write these lines into it, and run the command again:',
      details: lines.trimEnd().split('\n'),
    });
  }
  return result;
}

/** Takes out exactly the lines that were put in; undefined when they do not stand there any more. */
export function withoutGateway(text: string, added: string): string | undefined {
  if (added === '') return text;
  const at = text.indexOf(added);
  return at === -1 ? undefined : text.slice(0, at) + text.slice(at + added.length);
}

function wantedOf(choice: GatewayChoice): Table {
  return {
    dc_id: choice.dcId,
    public_ip: choice.publicIp,
    ...(choice.localIp === undefined ? {} : { local_ip: choice.localIp }),
    tenant_network: choice.tenantNetwork,
    ...(choice.bridges.length === 0 ? {} : { tenant_interfaces: [...choice.bridges] }),
    web: choice.web,
    ...(choice.web === 'caddy' ? { certificates: choice.certificates } : {}),
  };
}

function insert(text: string, lines: string): GatewayText {
  const header = /^[ \t]*\[gateway\][ \t]*(#.*)?\r?\n/m.exec(text);
  if (header === null) {
    const added = `${text.endsWith('\n') || text === '' ? '' : '\n'}\n[gateway]\n${lines}`;
    return { text: text + added, added };
  }
  const at = header.index + header[0].length;
  return { text: text.slice(0, at) + lines + text.slice(at), added: lines };
}

function means(text: string, file: string, expected: object): boolean {
  try {
    return isDeepStrictEqual(plain(parseDocument(text, file).content), plain(expected));
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** The parser's tables have no prototype. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** JSON's texts and lists are TOML's too. */
function toml(value: unknown): string {
  const written = JSON.stringify(value);
  parse(`v = ${written}`);
  return written;
}
