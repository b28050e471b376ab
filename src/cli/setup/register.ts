import type { AgentKey } from '../../identity/keys.ts';
import { PlatformError } from '../../platform/api.ts';
import { type Registered, registerAgent } from '../../platform/register.ts';
import { MAX_SKEW_MS } from '../../platform/skew.ts';
import { systemClock } from '../../ports/clock.ts';
import { Failure } from '../failure.ts';
import type { PlatformLink } from '../platform.ts';
import { duration } from '../text/duration.ts';
import type { SetupPlan } from './plan.ts';

export type Registration = Pick<Registered, 'providerPubkey'> & Partial<Registered>;

/** The last thing before the token is spent: the platform is there, and will accept this host's clock afterwards. */
export async function checkReachable(link: PlatformLink, endpoint: string): Promise<void> {
  const health = await link.health().catch((cause: unknown) => {
    throw new Failure({
      what: `the platform at ${endpoint} does not answer`,
      next: 'Check --api-url, name resolution and firewall. The token is not spent.',
      command: `curl -v ${endpoint}/api/v1/health`,
      cause,
    });
  });
  const skewMs = health.skew?.skewMs ?? 0;
  if (Math.abs(skewMs) < MAX_SKEW_MS) return;
  throw new Failure({
    what: `this host’s clock is ${duration(Math.abs(skewMs))} off; the platform would refuse every request of the agent`,
    next: 'Set the clock, then run the same command again. The token is not spent.',
    command: 'timedatectl set-ntp true',
  });
}

/** Spends the token. Where the answer leaves it open what happened, the platform is asked with a signed read. */
export async function register(plan: SetupPlan, key: AgentKey, link: PlatformLink): Promise<Registration> {
  if (plan.token === undefined) return finishLost(plan, key, link);
  const answer = await registerAgent(link.transport, systemClock, plan.token, key.publicKey).catch((cause: unknown) => {
    throw new Failure({
      what: 'the registration was not taken',
      next: 'The token is not spent: run the same command again.',
      cause,
    });
  });
  switch (answer.outcome) {
    case 'registered':
      return answer.registration;
    case 'expired':
      throw new Failure({ what: 'the setup token has expired', next: NEW_TOKEN });
    case 'invalid':
      throw new Failure({
        what: 'the platform does not know this setup token',
        next: `Check for a cut-off copy. ${NEW_TOKEN}`,
      });
    case 'refused':
      throw new Failure({
        what: `the platform refused the registration: ${answer.text}`,
        next: `The token may be spent. ${NEW_TOKEN} The key is kept and used again.`,
      });
    case 'used':
      return explainLost(plan, key, link, 'the setup token is used already', undefined);
    case 'unknown-outcome':
    default:
      return explainLost(plan, key, link, 'the platform’s answer was lost', answer.error);
  }
}

const NEW_TOKEN = 'Make a new one on the pool’s page.';

/** Whether the platform knows this key now. The work list is the cheapest signed read, and says nothing about other hosts. */
export type Known = 'this-provider' | 'another-provider' | 'no' | 'unclear';

export async function askWhetherKnown(link: PlatformLink, key: AgentKey, providerPubkey: string): Promise<Known> {
  try {
    await link.signed(key, providerPubkey).pendingProvision();
    return 'this-provider';
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    // An answer in words (HTTP 200) means that the signature was accepted; only the path's provider is another one.
    if (error.kind === 'refused') return 'another-provider';
    return error.kind === 'unauthorized' ? 'no' : 'unclear';
  }
}

async function explainLost(
  plan: SetupPlan,
  key: AgentKey,
  link: PlatformLink,
  what: string,
  cause: unknown,
): Promise<Registration> {
  // Without the provider's key any path will do: the signature is checked first.
  const known = await askWhetherKnown(link, key, plan.providerPubkey ?? key.publicKey);
  if (known === 'this-provider' && plan.providerPubkey !== undefined) return { providerPubkey: plan.providerPubkey };
  if (known === 'this-provider' || known === 'another-provider') {
    throw new Failure({
      what: `${what}, but the platform knows this host’s key: it is registered`,
      details: ['Only the provider’s public key is missing; it is on the provider’s page.'],
      next: 'Finish with it; the token is not needed any more:',
      command: `${commandOf(plan, '--provider-pubkey <64 hex digits>')}, with the options of this call`,
      cause,
    });
  }
  if (known === 'no') {
    throw new Failure({
      what: `${what}, and the platform does not know this host’s key: it is not registered`,
      next: `The token may be spent. ${NEW_TOKEN} The key is kept and used again.`,
      cause,
    });
  }
  throw new Failure({
    what: `${what}, and the platform cannot be asked now whether this host is registered`,
    details: ['The key is kept, so nothing is lost: registering the same key again is fine.'],
    next: 'When the platform answers again, run the same command: it finds out.',
    cause,
  });
}

async function finishLost(plan: SetupPlan, key: AgentKey, link: PlatformLink): Promise<Registration> {
  const providerPubkey = plan.providerPubkey ?? '';
  const known = await askWhetherKnown(link, key, providerPubkey);
  if (known === 'this-provider') return { providerPubkey };
  const what = {
    'another-provider': 'this host’s key is registered, but not for that provider',
    no: 'the platform does not know this host’s key',
    unclear: 'the platform cannot be asked now whether this host is registered',
  }[known];
  const next = known === 'unclear' ? 'Run the same command again later.' : `Register it: ${NEW_TOKEN}`;
  throw new Failure({ what, next, command: commandOf(plan, '--token <token>') });
}

function commandOf({ command }: SetupPlan, option: string): string {
  return `dc-agent ${command} ${option}${command === 'setup token' ? ' --provisioner <type>' : ''}`;
}
