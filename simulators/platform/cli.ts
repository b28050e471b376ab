import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { type CoreOptions, createPlatformCore, type PlatformCore } from './core.ts';
import { startPlatformServer } from './http.ts';
import { shiftedClock } from './manual-clock.ts';

export interface DevPlatformOptions {
  readonly host?: string;
  /** 0, the default, picks a free one. */
  readonly port?: number;
  /** The provisioner type that the one offering asks for; `sandbox` unless told. */
  readonly seedOffering?: string;
  /** Where the provider's key file goes; a temporary directory, removed on close, unless told. */
  readonly keyDirectory?: string;
  readonly options?: CoreOptions;
}

/** A platform with one provider, one pool, one offering and an unused setup token. Everything but `core` and `close` is printable. */
export interface DevPlatform {
  readonly url: string;
  /** POST verbs to this, e.g. `rent`. */
  readonly adminUrl: string;
  readonly providerKey: string;
  /** Holds the provider's seed as 64 hex digits, mode 0600. */
  readonly providerKeyFile: string;
  readonly pool: string;
  readonly setupToken: string;
  readonly offering: number;
  readonly provisionerType: string;
  readonly howToRent: string;
  readonly howToCancel: string;
  readonly core: PlatformCore;
  readonly close: () => Promise<void>;
}

/** Starts a platform to play with, on loopback unless told. Undoes what it began when it cannot finish. */
export async function startDevPlatform(options: DevPlatformOptions = {}): Promise<DevPlatform> {
  const { host = '127.0.0.1', port = 0, seedOffering: provisionerType = 'sandbox' } = options;
  const clock = shiftedClock(systemClock);
  const core = createPlatformCore({
    clock,
    random: systemRandom,
    // One person plays every tenant here, with any key as often as they like.
    options: { ...options.options, settings: { requireVerifiedEmail: false, ...options.options?.settings } },
  });
  const { admin } = core;
  const provider = admin.keyPair();
  admin.provider({ key: provider.key });
  const pool = admin.pool(provider.key, { name: 'dev', provisionerType });
  const offering = admin.offering(provider.key, {
    offering_id: `${provisionerType}-small`,
    provisioner_type: provisionerType,
    agent_pool_id: pool.id,
  });
  const setupToken = admin.token(pool);

  const server = await startPlatformServer({ core, host, port, admin: { advance: (ms) => clock.advance(ms) } });
  try {
    const keys = await writeKey(options.keyDirectory, provider.seed);
    const adminUrl = `${server.url}/__admin`;
    return {
      url: server.url,
      adminUrl,
      providerKey: provider.key,
      providerKeyFile: keys.file,
      pool: pool.id,
      setupToken,
      offering: offering.id,
      provisionerType,
      howToRent: curl(
        `${adminUrl}/rent`,
        `{\\"offering\\":${offering.id},\\"sshKey\\":\\"$(cat ~/.ssh/id_ed25519.pub)\\"}`,
      ),
      howToCancel: curl(`${adminUrl}/cancel`, '{\\"contract\\":\\"CONTRACT_ID\\"}'),
      core,
      async close() {
        await server.close();
        await keys.remove();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function curl(url: string, body: string): string {
  return `curl -sS -H 'content-type: application/json' -d "${body}" ${url}`;
}

async function writeKey(directory: string | undefined, seed: string) {
  const folder = directory ?? (await mkdtemp(join(tmpdir(), 'dc-platform-')));
  const file = join(folder, 'provider.key');
  await writeFile(file, seed, { mode: 0o600 });
  // The mode above counts only for a file that is new.
  await chmod(file, 0o600);
  return {
    file,
    remove: () => (directory === undefined ? rm(folder, { recursive: true, force: true }) : Promise.resolve()),
  };
}
