import { createHash } from 'node:crypto';
import { Document } from 'yaml';

/** One part of user data, as cloud-init sorts them. */
export interface Part {
  readonly type: string;
  readonly text: string;
}

/** A cloud-config document of a mapping. Written out in full: no anchors, no folded lines, every text quoted where it need be. */
export function cloudConfigText(config: Readonly<Record<string, unknown>>): string {
  const document = new Document(config, { version: '1.1', aliasDuplicateObjects: false });
  return `#cloud-config\n${document.toString({ lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' })}`;
}

/** By what their first line begins with cloud-init knows them (its `INCLUSION_TYPES_MAP`). */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^#cloud-config-archive\b/, 'text/cloud-config-archive'],
  [/^#cloud-config-jsonp\b/, 'text/cloud-config-jsonp'],
  [/^#cloud-config\b/, 'text/cloud-config'],
  [/^## template: ?jinja\b/i, 'text/jinja2'],
  [/^#cloud-boothook\b/, 'text/cloud-boothook'],
  [/^#include-once\b/, 'text/x-include-once-url'],
  [/^#include\b/, 'text/x-include-url'],
  [/^#!/, 'text/x-shellscript'],
];

const MIME = /^(?:MIME-Version|Content-Type):[^\n]*\n/i;

/** What kind of user data a document is; undefined when cloud-init would not know. A MIME archive is its own kind. */
export function partOf(document: string): Part | undefined {
  const text = document.replaceAll('\r\n', '\n').replace(/^\n+/, '');
  if (MIME.test(text)) return /^Content-Type:\s*multipart\//im.test(text) ? { type: 'multipart', text } : undefined;
  const type = TYPES.find(([pattern]) => pattern.test(text))?.[1];
  return type === undefined ? undefined : { type, text };
}

/**
 * Parts as one MIME archive, in their order. Each is base64, so no line of theirs can be taken for a boundary; an archive among them
 * goes in whole, and cloud-init takes it apart.
 */
export function multipart(parts: readonly Part[]): string {
  // Follows from the content: each attempt for a machine hands it the same bytes.
  const boundary = `dc-${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24)}`;
  const bodies = parts.map((part) => `--${boundary}\n${body(part)}\n`);
  return [
    'MIME-Version: 1.0\n',
    `Content-Type: multipart/mixed; boundary="${boundary}"\n\n`,
    ...bodies,
    `--${boundary}--\n`,
  ].join('');
}

function body({ type, text }: Part): string {
  if (type === 'multipart') return text;
  const lines =
    Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  return [`Content-Type: ${type}; charset="utf-8"`, 'Content-Transfer-Encoding: base64', '', ...lines].join('\n');
}
