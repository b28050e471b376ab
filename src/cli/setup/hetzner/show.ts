import { offersIn, type Survey, trialCost, verdicts } from '../../../../provisioners/hetzner/setup/index.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { table } from '../../text/table.ts';
import type { Plan } from './choose.ts';

/** What the project is like. Throws Failure when nothing can be sold with it. */
export function showVerdicts(survey: Survey, io: Io): void {
  const findings = verdicts(survey);
  for (const { level, title, remedy } of findings) {
    if (level === 'pass') io.err(`  ${title}`);
    if (level === 'warn') io.err(`warning: ${title}${remedy === undefined ? '' : `. ${remedy}`}`);
  }
  const failed = findings.filter(({ level }) => level === 'fail');
  if (failed.length === 0) return;
  throw new Failure({
    what: 'this project cannot be used',
    details: failed.map(({ title, remedy }) => (remedy === undefined ? title : `${title}. ${remedy}`)),
    next: 'Nothing was changed, and the setup token is not spent.',
  });
}

export function showLocations({ locations }: Survey, print: (text: string) => void): void {
  const rows = locations.map(({ name, city, country }) => [
    name,
    [city, country].filter((part) => typeof part === 'string').join(', '),
  ]);
  print(table([{ title: 'location' }, { title: '' }], rows));
}

/** The types of one location, with today's prices. */
export function showOffers(
  survey: Survey,
  location: string,
  ipv4: 'own' | 'none',
  now: number,
  print: (text: string) => void,
): void {
  const offers = offersIn(survey, location, ipv4, now);
  const columns = [
    { title: `in ${location}` },
    { title: 'cores', align: 'right' },
    { title: 'memory', align: 'right' },
    { title: 'disk', align: 'right' },
    { title: '' },
    { title: ipv4 === 'own' ? 'net a month, with IPv4' : 'net a month', align: 'right' },
    { title: '' },
  ] as const;
  const rows = offers.map(({ type, cores, memoryGb, diskGb, architecture, cpu, shown, endsAt }) => [
    type,
    String(cores),
    `${memoryGb} GB`,
    `${diskGb} GB`,
    [architecture, cpu].filter((part) => part !== undefined).join(', '),
    shown,
    endsAt === undefined ? '' : `until ${endsAt.slice(0, 10)}`,
  ]);
  print(rows.length === 0 ? `Nothing can be ordered in ${location} now.` : table(columns, rows));
}

/** What was chosen, what it costs and what will be done, for a person to say yes to. */
export function showPlan(plan: Plan, survey: Survey, pool: string | undefined, now: number, io: Io): void {
  const { choice, steps } = plan;
  const offers = choice.locations.flatMap((location) => offersIn(survey, location, choice.ipv4, now));
  const chosen = offers.filter(({ type }) => choice.types.includes(type));
  const [first] = choice.types.flatMap((type) => chosen.find((offer) => offer.type === type) ?? []);
  const rows: [string, string][] = [
    ['locations', choice.locations.join(', ')],
    ...choice.types.map((type, index): [string, string] => {
      const prices = chosen.filter((offer) => offer.type === type).map(({ location, shown }) => `${location} ${shown}`);
      const costs = prices.length === 0 ? 'cannot be ordered there now' : `${prices.join(', ')} net a month`;
      return [index === 0 ? 'types' : '', `${type}: ${costs}`];
    }),
    ['image', choice.image],
    ['addresses', choice.ipv4 === 'own' ? 'IPv4 and IPv6' : 'IPv6 only'],
    ['firewall', choice.firewall ?? 'none'],
    ['offerings', choice.offerings.join(', ')],
    ...(first === undefined
      ? []
      : [['a test', `${trialCost(first, survey.pricing.currency)} net`] as [string, string]]),
    ...(pool === undefined ? [] : [['pool', `is in ${pool}`] as [string, string]]),
  ];
  for (const [name, value] of rows) io.err(`  ${name.padEnd(10)} ${value}`);
  for (const step of steps) io.err(`  will ${step}`);
}
