import type { Vault } from '../identity/vault.ts';
import { registerSecret } from '../telemetry/secrets.ts';

/** A vault whose contents are known to the redaction: whatever passes through it is a secret, wherever it turns up later. */
export function guardedVault(vault: Vault): Vault {
  return {
    seal(text) {
      registerSecret(text);
      return vault.seal(text);
    },
    open(sealed) {
      const text = vault.open(sealed);
      registerSecret(text);
      return text;
    },
    derive: (label) => vault.derive(label),
  };
}
