/** What stands where a secret stood. */
export const HIDDEN = '••••';

/**
 * Secret values known to this process, so that they can be taken out of any text, wherever it came from: a backend that
 * echoes a password in its error text is caught although no field name gives it away.
 *
 * Guarantees: a registered value of at least 6 characters never survives `hide`, in clear, JSON-escaped (also twice),
 * URL-encoded or whole in base64. Not guaranteed: values cut in half, or encoded in other ways.
 * Cost: one scan per text; at most `limit` values are remembered, the least recently registered goes first.
 */
export interface KnownSecrets {
  register(value: string): void;
  forget(value: string): void;
  /** The text with every known value replaced. */
  hide(text: string): string;
}

/** Shorter values would shred ordinary text ("a", "root") and are no secrets worth the name. */
const SHORTEST = 6;

export function createKnownSecrets(limit = 2000): KnownSecrets {
  const values = new Set<string>();
  let pattern: RegExp | undefined;

  return {
    register(value) {
      const trimmed = value.trim();
      if (trimmed.length < SHORTEST) return;
      // Deleted first, so that a value in use stays the youngest.
      values.delete(trimmed);
      values.add(trimmed);
      if (values.size > limit) {
        const oldest = values.values().next();
        if (!oldest.done) values.delete(oldest.value);
      }
      pattern = undefined;
    },
    forget(value) {
      if (values.delete(value.trim())) pattern = undefined;
    },
    hide(text) {
      if (values.size === 0 || text.length < SHORTEST) return text;
      pattern ??= compile(values);
      return text.replace(pattern, HIDDEN);
    },
  };
}

function compile(values: ReadonlySet<string>): RegExp {
  const forms = new Set([...values].flatMap(spellings));
  // The longest first: a value that begins with another one must go as a whole.
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  return new RegExp(sorted.map(escapeRegExp).join('|'), 'g');
}

function spellings(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const twice = JSON.stringify(json).slice(1, -1);
  return [value, json, twice, uriEncoded(value), Buffer.from(value).toString('base64').replace(/=+$/, '')];
}

function uriEncoded(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    // A lone surrogate cannot be URL-encoded, so that spelling cannot occur either.
    return value;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The process's own set, shared by logs, the local API and the command line. */
export const knownSecrets = createKnownSecrets();

/** Call it with every secret as soon as it is read or made. */
export function registerSecret(value: string): void {
  knownSecrets.register(value);
}
