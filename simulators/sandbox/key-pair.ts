import type ssh2 from 'ssh2';

export interface KeyPair {
  /** As OpenSSH writes it. */
  readonly private: string;
  /** `type base64`. */
  readonly public: string;
}

/**
 * A fresh Ed25519 pair. ssh2 cuts leading zeros off what it makes, so that one pair in a hundred cannot be read
 * (github.com/mscdex/ssh2/issues/1513); such a pair is thrown away. The module is handed in, because loading it is dear.
 */
export function keyPair({ utils }: Pick<typeof ssh2, 'utils'>): KeyPair {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519');
    const readable = [pair.private, pair.public].every((text) => !(utils.parseKey(text) instanceof Error));
    if (readable) return { private: pair.private, public: pair.public.trim() };
  }
}
