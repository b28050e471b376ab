import type { AgentKey } from '../../identity/keys.ts';
import { Failure } from '../failure.ts';
import { openPlatform, type PlatformLink, readAgentKey } from '../platform.ts';
import { ensureKey, findKey } from './key.ts';
import type { SetupOptions } from './options.ts';
import type { Present } from './present.ts';
import { askWhetherKnown, checkReachable } from './register.ts';

/** Who this host is to the platform. */
export interface Standing {
  readonly key: AgentKey;
  /** Where the key lies, as the configuration names it. */
  readonly keyFile: string;
  readonly link: PlatformLink;
  /** Registered before: no token is needed, and none is spent. */
  readonly registered: boolean;
}

/**
 * The agent's key and its standing, before anything is changed elsewhere. A host with a configuration is registered already, which the
 * platform is asked to confirm. Makes the key where there is none.
 */
export async function settleStanding(options: SetupOptions, present: Present | undefined): Promise<Standing> {
  const endpoint = present?.config.api.endpoint ?? options.platformUrl;
  const link = openPlatform(endpoint);
  try {
    await checkReachable(link, endpoint);
    if (present === undefined) {
      const { key, file } = await ensureKey(options.keyDir);
      return { key, keyFile: file, link, registered: false };
    }
    const { providerPubkey, agentKey } = present.config.api;
    const key = await readAgentKey(present.config);
    const known = await askWhetherKnown(link, key, providerPubkey);
    const keyFile = agentKey.kind === 'file' ? agentKey.path : '';
    if (known === 'this-provider') return { key, keyFile, link, registered: true };
    throw notKnown(known, options.output);
  } catch (error) {
    await link.close();
    throw error;
  }
}

/** For a dry run, which makes no key: the one that is there, or what stands for one. */
export async function keyForShow(options: SetupOptions, present: Present | undefined): Promise<string> {
  if (present !== undefined) return (await readAgentKey(present.config)).publicKey;
  return (await findKey(options.keyDir))?.publicKey ?? 'xxxxxxxx';
}

function notKnown(known: 'another-provider' | 'no' | 'unclear', file: string): Failure {
  if (known === 'unclear') {
    return new Failure({
      what: 'the platform cannot be asked now whether this host is registered',
      next: 'Run the same command again later. Nothing was changed.',
    });
  }
  return new Failure({
    what:
      known === 'no'
        ? `the platform does not know the agent key that ${file} names`
        : `the agent key that ${file} names is registered for another provider`,
    next: 'Move that file away to register this host anew, with a new setup token, or write another one with --output. Nothing was changed.',
  });
}
