const HIDDEN = '••••';
const LONGEST = 400;
/** Masking looks at this much of the end, so that a flood costs nothing. */
const TAIL = 4096;

/**
 * A short piece of what a script wrote, for the operator's eyes only: the end of it, on one line, with everything hidden that looks
 * like a secret. `secrets` are values known to be secret in this very call. A pattern cannot know every secret, so this text never
 * becomes public.
 */
export function excerpt(text: string, secrets: readonly string[] = []): string {
  let shown = tail(text);
  for (const secret of secrets) {
    if (secret.length >= 4) shown = shown.replaceAll(secret, HIDDEN);
  }
  for (const [pattern, replacement] of PATTERNS) shown = shown.replace(pattern, replacement);
  shown = shown.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return shown.length > LONGEST ? `…${shown.slice(-LONGEST)}` : shown;
}

/** The cut may go through a secret and hide its name, so the first, partial line is dropped. */
function tail(text: string): string {
  if (text.length <= TAIL) return text;
  const end = text.slice(-TAIL);
  const lineEnd = end.indexOf('\n');
  return lineEnd === -1 || lineEnd === end.length - 1 ? '(one very long line)' : end.slice(lineEnd + 1);
}

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [^-]{1,60}-----[^-]*(-----END [^-]{1,60}-----|$)/g, HIDDEN],
  // user:password@ in a URL
  [/:\/\/[^\s/@]{1,256}@/g, `://${HIDDEN}@`],
  [/\b(bearer|basic)[ \t]+[^\s"']+/gi, `$1 ${HIDDEN}`],
  // password: "two words", "api_token":"x", PASS=x, --secret x
  [
    /([\w-]{0,40}(?:passw|passphrase|pwd|secret|token|credential|api[-_]?key|private[-_]?key|auth)[\w-]{0,40}["']?)(\s*(?:[:=]+>?|\bis\b)\s*|[ \t]+)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;}]+)/gi,
    `$1$2${HIDDEN}`,
  ],
  [/\b(pass)(\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;}]+)/gi, `$1$2${HIDDEN}`],
  // Long runs of base64 or hex are keys more often than not; contract ids are in the log's own fields.
  [/[A-Za-z0-9+/_-]{40,}={0,2}/g, HIDDEN],
];
