/** What goes into a request body. A bigint becomes an exact integer literal. */
export type WireValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly WireValue[]
  | { readonly [key: string]: WireValue | undefined };

/**
 * JSON as the platform reads it: keys in the order given, undefined ones left out, 64-bit integers exact (JSON.stringify
 * refuses a bigint), and texts cleaned.
 */
export function wireJson(value: WireValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return JSON.stringify(cleanText(value));
  if (isList(value)) return `[${value.map(wireJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members: string[] = [];
    for (const [key, member] of Object.entries(value)) {
      if (member !== undefined) members.push(`${JSON.stringify(key)}:${wireJson(member)}`);
    }
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * A text that PostgreSQL and serde accept. PostgreSQL refuses NUL characters, and does so after the status has changed;
 * a lone surrogate is a JSON syntax error to serde, which costs the whole request.
 */
export function cleanText(text: string): string {
  return text.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** A whole number within [0, max]. Anything else on the wire (1.5, NaN as null, 1e21) is a 400 for the whole request. */
export function wholeNumber(value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  return Number.isNaN(value) ? 0 : Math.min(max, Math.max(0, Math.trunc(value)));
}

function isList(value: WireValue): value is readonly WireValue[] {
  return Array.isArray(value);
}
