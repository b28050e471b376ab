import { Resolver } from 'node:dns/promises';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Route } from './port.ts';

/** Who may have which name of his own. */
export interface TenantNameRules {
  /** All names of machines are below it. */
  readonly zone: string;
  /** Domains of the platform's and the provider's: nobody gets one of these, or a name below. */
  readonly reserved: readonly string[];
}

/** Whether the owner of a name says in DNS that it is for a machine. `unknown`: DNS does not answer. */
export type AskOwner = (name: string, machineName: string, signal: AbortSignal) => Promise<'yes' | 'no' | 'unknown'>;

export interface Granted {
  /** Each name once, in order. */
  readonly names: ReadonlyMap<string, Route>;
  /** Names that a contract asks for and does not have, with the reason. */
  readonly refused: ReadonlyMap<ContractId, string>;
}

const NAME = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
/** RFC 6761, 6762, 7686 and 8375, and what certificate authorities refuse: no name of the world ends so. */
const NOWHERE = ['local', 'localhost', 'internal', 'intranet', 'lan', 'home', 'invalid', 'test', 'onion', 'arpa'];

/** Why nobody may have this name, whoever asks; undefined where it may be had. */
export function problemOfName(name: string, { zone, reserved }: TenantNameRules): string | undefined {
  if (!NAME.test(name)) return 'is no host name, in lower case and without a final dot';
  if (NOWHERE.some((end) => isBelow(name, end))) return 'is no name of the Internet';
  if ([zone, ...reserved].some((domain) => isBelow(name, domain))) return 'is below a domain of the provider';
  return undefined;
}

function isBelow(name: string, domain: string): boolean {
  const whole = domain.toLowerCase().replace(/^\*\./, '');
  return name === whole || name.endsWith(`.${whole}`);
}

/** An answer is believed for so long. One that takes a name away, or gives none, is asked for again sooner. */
const YES_MS = 600_000;
const NO_MS = 60_000;

export interface TenantNames {
  /** `taken`: hosts that other sites of this web server have, which stay theirs. */
  grant(routes: readonly Route[], taken: readonly string[], signal: AbortSignal): Promise<Granted>;
}

/**
 * Remembers what owners said, so that not each pass asks DNS. A name goes to the one machine that its owner names: neither the first who
 * asks nor the loudest. Silence takes nothing away and gives nothing.
 */
export function createTenantNames(
  rules: TenantNameRules,
  ask: AskOwner = askDns,
  clock: Clock = systemClock,
): TenantNames {
  const answers = new Map<string, { readonly owns: boolean; readonly until: number }>();

  async function owns(name: string, machineName: string, signal: AbortSignal): Promise<boolean> {
    const key = `${name} ${machineName}`;
    const before = answers.get(key);
    if (before !== undefined && clock.monotonic() < before.until) return before.owns;
    const said = await ask(name, machineName, signal);
    const found = said === 'unknown' ? (before?.owns ?? false) : said === 'yes';
    answers.set(key, { owns: found, until: clock.monotonic() + (said === 'yes' ? YES_MS : NO_MS) });
    return found;
  }

  return {
    async grant(routes, taken, signal) {
      const claims = routes.flatMap((route) => (route.web?.names ?? []).map((name) => ({ name, route })));
      const judged = await Promise.all(
        claims.map(async ({ name, route }) => {
          const problem = problemOfName(name, rules) ?? (covers(taken, name) ? 'is another site’s here' : undefined);
          if (problem !== undefined) return { name, route, why: problem };
          if (await owns(name, `${route.slug}.${rules.zone}`, signal)) return { name, route };
          return { name, route, why: 'does not name this machine in DNS' };
        }),
      );
      const names = new Map<string, Route>();
      const refused = new Map<ContractId, string>();
      for (const { name, route, why } of judged) {
        const several = judged.filter((other) => other.name === name && other.why === undefined).length > 1;
        const problem = why ?? (several ? 'names several machines in DNS' : undefined);
        if (problem === undefined) names.set(name, route);
        else refused.set(route.contract, `the name ${name} ${problem}`);
      }
      return { names: new Map([...names].sort(([one], [other]) => (one < other ? -1 : 1))), refused };
    },
  };
}

/** `*.example.org` is every name one label below. */
function covers(taken: readonly string[], name: string): boolean {
  const wild = name.replace(/^[^.]+/, '*');
  return taken.some((host) => host.toLowerCase() === name || host.toLowerCase() === wild);
}

const TIMEOUT_MS = 3_000;
/** The name is not there, or has no such record: an answer. */
const ABSENT: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

/** A CNAME to the machine's own name; or, for a domain's top, which can have none, a TXT record with it at `_dc-agent.` */
const askDns: AskOwner = async (name, machineName, signal) => {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const alias = await recordsOf(() => resolver.resolveCname(name));
    if (alias?.some((one) => one.toLowerCase() === machineName)) return 'yes';
    const texts = await recordsOf(() => resolver.resolveTxt(`_dc-agent.${name}`));
    if (texts?.some((parts) => parts.join('').trim().toLowerCase() === machineName)) return 'yes';
    return alias === undefined || texts === undefined ? 'unknown' : 'no';
  } finally {
    signal.removeEventListener('abort', cancel);
  }
};

async function recordsOf<Item>(look: () => Promise<Item[]>): Promise<Item[] | undefined> {
  try {
    return await look();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return ABSENT.has(code) ? [] : undefined;
  }
}
