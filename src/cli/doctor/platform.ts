import type { Config } from '../../config/types.ts';
import type { AgentKey } from '../../identity/keys.ts';
import { type PlatformApi, PlatformError } from '../../platform/api.ts';
import { MAX_SKEW_MS } from '../../platform/skew.ts';
import type { Finding } from '../../provisioner/contract.ts';
import type { PlatformLink } from '../platform.ts';
import { ago, duration } from '../text/duration.ts';

/** A tenth of what the platform tolerates deserves a look. */
const SKEW_WARN_MS = 30_000;

/** Reachability, clock, and whether the key is accepted: reads only, no heartbeat. */
export async function checkPlatform(
  config: Config,
  key: AgentKey | undefined,
  link: PlatformLink,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const reached = await checkReach(config, link, signal);
  if (reached.some((finding) => finding.level === 'fail')) return reached;
  if (key === undefined) {
    return [
      ...reached,
      { level: 'skip', code: 'platform.key', title: 'Not asked whether the key is accepted: there is no key.' },
    ];
  }
  const api = link.signed(key, config.api.providerPubkey);
  return [...reached, await checkKey(api, signal), await checkSeen(api, signal)];
}

async function checkReach(config: Config, link: PlatformLink, signal: AbortSignal): Promise<Finding[]> {
  try {
    const { skew } = await link.health(signal);
    const reached: Finding = { level: 'pass', code: 'platform.reachable', title: `${config.api.endpoint} answers.` };
    return [reached, ...(skew === undefined ? [] : [checkSkew(skew.skewMs)])];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [
      {
        level: 'fail',
        code: 'platform.unreachable',
        title: `${config.api.endpoint} does not answer as the platform does: ${why}`,
        remedy: `Check [api] endpoint, name resolution, firewall and proxy, e.g. with: curl -v ${config.api.endpoint}/api/v1/health`,
      },
    ];
  }
}

function checkSkew(skewMs: number): Finding {
  const off = Math.abs(skewMs);
  // The Date header counts whole seconds, so less than two of them is nothing.
  if (off < 2000)
    return { level: 'pass', code: 'platform.clock', title: 'This host’s clock agrees with the platform’s.' };
  const title = `This host’s clock is ${duration(off)} ${skewMs > 0 ? 'ahead of' : 'behind'} the platform’s.`;
  const remedy = 'Let NTP set the clock: timedatectl set-ntp true';
  if (off >= MAX_SKEW_MS)
    return { level: 'fail', code: 'platform.clock.wrong', title: `${title} No request is accepted.`, remedy };
  return off >= SKEW_WARN_MS
    ? { level: 'warn', code: 'platform.clock.drifting', title, remedy }
    : { level: 'pass', code: 'platform.clock', title };
}

/** The work list is the cheapest signed read: it takes no lock and changes nothing. */
async function checkKey(api: PlatformApi, signal: AbortSignal): Promise<Finding> {
  try {
    const { items, malformed } = await api.pendingProvision(signal);
    const extra = malformed.length === 0 ? '' : ` and ${malformed.length} that cannot be read`;
    return {
      level: 'pass',
      code: 'platform.key',
      title: `The key is accepted; ${items.length} contracts wait for an agent${extra}.`,
    };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    if (error.kind === 'unauthorized') {
      return {
        level: 'fail',
        code: 'platform.key.refused',
        title: `The platform does not know this agent’s key: ${error.message}`,
        remedy:
          'Register it with a new token from the pool’s page: dc-agent setup token --token <token> --provisioner <type> --force',
      };
    }
    const remedy = 'Check provider_pubkey in [api], and the pool’s page.';
    return {
      level: 'fail',
      code: `platform.key.${error.kind}`,
      title: `The work list is refused: ${error.message}`,
      remedy,
    };
  }
}

async function checkSeen(api: PlatformApi, signal: AbortSignal): Promise<Finding> {
  const seen = await api.agentStatus(signal);
  if (seen === undefined) {
    return {
      level: 'warn',
      code: 'platform.agent.unseen',
      title: 'The platform has had no heartbeat yet.',
      remedy: 'Start the agent: systemctl start dc-agent',
    };
  }
  // It is about the provider's most recently seen agent, which may be another one: no ground for a failure.
  const title = `The provider’s latest heartbeat was ${ago(seen.lastHeartbeat, Date.now())}.`;
  if (seen.online) return { level: 'pass', code: 'platform.agent', title };
  return {
    level: 'warn',
    code: 'platform.agent.offline',
    title,
    remedy: 'Start the agent, or look at dc-agent status.',
  };
}
