import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One signed request of the shared vectors file. */
export interface RequestVector {
  readonly name: string;
  readonly secret_seed_hex: string;
  readonly public_key_hex: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly method: string;
  readonly wire_path: string;
  readonly body_utf8: string;
  readonly message_hex: string;
  readonly signature_hex: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface CredentialVector {
  readonly name: string;
  readonly version: 1 | 2;
  readonly plaintext_utf8: string;
  readonly requester_ed25519_seed_hex: string;
  readonly requester_ed25519_pubkey_hex: string;
  readonly ephemeral_secret_raw_hex: string;
  readonly nonce_hex: string;
  readonly aad_hex: string | null;
  readonly envelope_json: string;
}

export interface SharedVectors {
  readonly known_answers_from_reference_repo: readonly {
    readonly seed_hex?: string;
    readonly pubkey_hex?: string;
    readonly message_utf8?: string;
    readonly signature_hex?: string;
  }[];
  readonly vectors: readonly RequestVector[];
  readonly negative_vectors: readonly { readonly name: string; readonly signature_hex: string }[];
  readonly credential_vectors: readonly CredentialVector[];
}

const specs = process.env.DC_SPECS_DIR;
const path = join(specs ?? join(import.meta.dirname, '../../../shared/specs'), '..', 'facts', 'auth-vectors.json');

/** For tests: the platform's own vectors, which live beside the project; undefined where they are absent and nobody promised them. */
export function sharedVectors(): SharedVectors | undefined {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as SharedVectors;
  if (specs !== undefined) throw new Error(`there is no ${path}, although DC_SPECS_DIR promises it`);
  return undefined;
}

export const WHY_SKIPPED = 'skipped: the shared vectors are not beside this checkout (set DC_SPECS_DIR)';
