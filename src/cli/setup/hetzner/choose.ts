import {
  addressPrice,
  type Choice,
  chooseSettings,
  type FirewallPolicy,
  type HetznerSettings,
  offersIn,
  type Survey,
} from '../../../../provisioners/hetzner/setup/index.ts';
import type { Io } from '../../io.ts';
import type { Asker } from '../ask.ts';
import type { Settings } from '../config-text.ts';
import { DEFAULT_ENDPOINT, type HetznerOptions, listed, usage } from './options.ts';
import { showLocations, showOffers } from './show.ts';

/** What will be done once everybody agrees. */
export interface Plan {
  readonly choice: Choice;
  readonly settings: Settings;
  /** Absent when it is there already, or none is wanted. */
  readonly firewall?: { readonly name: string; readonly policy: FirewallPolicy };
  /** In words that follow "will". */
  readonly steps: readonly string[];
}

export interface Choosing {
  readonly options: HetznerOptions;
  readonly survey: Survey;
  /** The target's settings from an earlier set-up: what is not named anew stays. */
  readonly earlier: HetznerSettings | undefined;
  readonly token: Choice['token'];
  /** Whether the file with the API token is still to be written. */
  readonly keeps: string | undefined;
  readonly now: number;
}

/** Options, else what was chosen earlier, else what the person at the terminal says, else what is usual. Throws Failure for the rest. */
export async function planTarget(choosing: Choosing, io: Io, ask: Asker | undefined): Promise<Plan> {
  const { options, survey, earlier, token, keeps } = choosing;
  if (ask === undefined) refuseMissing(choosing);
  const ipv4 = await chooseIpv4(choosing, ask);
  const locations = await chooseLocations(choosing, io, ask);
  const types = await chooseTypes(choosing, { ipv4, locations }, io, ask);
  const image = await chooseImage(choosing, ask);
  const offerings = await chooseOfferings(choosing, ask);
  const wall = await chooseFirewall(choosing, ask);
  const chosen = chooseSettings(survey, {
    locations,
    types,
    image,
    offerings,
    ipv4,
    token,
    ...(wall === undefined ? {} : { firewall: wall.name }),
    ...(options.maxServers === undefined ? {} : { maxServers: options.maxServers }),
    ...(options.suspend === undefined ? {} : { suspend: options.suspend }),
  });
  if (!chosen.ok) throw usage('this cannot be set up', chosen.problems);
  const isThere = wall === undefined || survey.firewalls.includes(wall.name);
  const endpoint = options.endpoint ?? earlier?.endpoint ?? DEFAULT_ENDPOINT;
  return {
    choice: { locations, types, image, offerings, ipv4, token, ...(wall === undefined ? {} : { firewall: wall.name }) },
    settings: {
      ...chosen.settings,
      ...(endpoint === DEFAULT_ENDPOINT ? {} : { endpoint }),
      ...options.settings,
    },
    ...(isThere ? {} : { firewall: wall }),
    steps: [
      ...(isThere ? [] : [`make the firewall ${wall.name}, which lets ${LETS_IN[wall.policy]} in`]),
      ...(keeps === undefined ? [] : [`keep the API token in ${keeps} (mode 0600)`]),
    ],
  };
}

const LETS_IN: Readonly<Record<FirewallPolicy, string>> = {
  open: 'everything',
  web: 'SSH, HTTP, HTTPS and ping',
  ssh: 'SSH and ping',
};

/** What nobody can guess and nobody can be asked. */
function refuseMissing({ options, earlier }: Choosing): void {
  if (earlier !== undefined) return;
  const missing = [
    ...(options.locations.length > 0 ? [] : ['--in <location>: where machines are made']),
    ...(options.types.length > 0 ? [] : ['--type <name>: what may be made; --dry-run shows types and prices']),
    ...(options.offerings.length > 0 ? [] : ['--offering <id>: what this target serves']),
  ];
  if (missing.length > 0) throw usage('there is no terminal to ask at, and these options are missing', missing);
}

async function chooseIpv4({ options, survey, earlier }: Choosing, ask: Asker | undefined): Promise<'own' | 'none'> {
  const known = options.ipv4 ?? earlier?.ipv4;
  if (known !== undefined || ask === undefined) return known ?? 'own';
  const price = addressPrice(survey.pricing, options.locations[0] ?? survey.locations[0]?.name ?? '');
  const costs = `${Number(price).toFixed(2)} ${survey.pricing.currency} net a month each`;
  return (await ask.confirm(`Give machines an IPv4 address (${costs})?`, 'yes')) ? 'own' : 'none';
}

async function chooseLocations(
  { options, survey, earlier }: Choosing,
  io: Io,
  ask: Asker | undefined,
): Promise<readonly string[]> {
  if (options.locations.length > 0) return options.locations;
  if (earlier !== undefined || ask === undefined) return earlier?.locations ?? [];
  showLocations(survey, (text) => io.err(text));
  const names = survey.locations.map(({ name }) => name);
  return askForNames(ask, 'Locations, the preferred one first', names[0], names, io);
}

async function chooseTypes(
  { options, survey, earlier, now }: Choosing,
  { ipv4, locations }: { readonly ipv4: 'own' | 'none'; readonly locations: readonly string[] },
  io: Io,
  ask: Asker | undefined,
): Promise<readonly string[]> {
  if (options.types.length > 0) return options.types;
  if (earlier !== undefined || ask === undefined) return earlier?.server_types ?? [];
  for (const location of locations) showOffers(survey, location, ipv4, now, (text) => io.err(text));
  const offers = locations.flatMap((location) => offersIn(survey, location, ipv4, now));
  const usual = offers.find(({ architecture }) => architecture === 'x86') ?? offers[0];
  const names = [...new Set(offers.map(({ type }) => type))];
  return askForNames(ask, 'Server types, the preferred one first', usual?.type, names, io);
}

async function chooseImage({ options, survey, earlier }: Choosing, ask: Asker | undefined): Promise<string> {
  const known = options.image ?? earlier?.image;
  if (known !== undefined) return known;
  const names = survey.images.flatMap(({ type, name }) => (type === 'system' ? (name ?? []) : []));
  const usual = names.find((name) => name === 'debian-13') ?? names[0] ?? 'debian-13';
  return ask === undefined ? usual : ask.text('Image', usual);
}

async function chooseOfferings({ options, earlier }: Choosing, ask: Asker | undefined): Promise<readonly string[]> {
  if (options.offerings.length > 0) return options.offerings;
  if (earlier !== undefined || ask === undefined) return earlier?.offerings ?? [];
  return listed([await ask.text('Offerings that are served here, by the ids that you gave them')]);
}

async function chooseFirewall(
  { options, survey, earlier }: Choosing,
  ask: Asker | undefined,
): Promise<{ readonly name: string; readonly policy: FirewallPolicy } | undefined> {
  const { firewall, policy } = options;
  if (firewall === 'none') return undefined;
  if (firewall === undefined && earlier !== undefined) {
    return earlier.firewall === undefined ? undefined : { name: earlier.firewall, policy: policy ?? 'open' };
  }
  const name = firewall?.name ?? 'dc-agent';
  if (policy !== undefined || ask === undefined || survey.firewalls.includes(name)) {
    return { name, policy: policy ?? 'open' };
  }
  for (;;) {
    const answer = await ask.text('Firewall for all machines: open, web, ssh or none', 'open');
    if (answer === 'none') return undefined;
    if (answer === 'open' || answer === 'web' || answer === 'ssh') return { name, policy: answer };
  }
}

/** Asks until every name is one that there is. */
async function askForNames(
  ask: Asker,
  question: string,
  usual: string | undefined,
  names: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  for (;;) {
    const answer = listed([await ask.text(question, usual)]);
    const unknown = answer.filter((name) => !names.includes(name));
    if (answer.length > 0 && unknown.length === 0) return answer;
    io.err(`There is no ${unknown.join(', ')}: choose from ${names.join(', ')}.`);
  }
}
