import { z } from 'zod';
import type { Finding } from '../../../src/provisioner/index.ts';
import { LABEL } from '../labels.ts';
import { listAll } from '../pages.ts';
import {
  firewall,
  type Image,
  image,
  type Location,
  location,
  type Pricing,
  pricing as pricingSchema,
  type ServerType,
  server,
  serverType,
} from '../wire.ts';
import type { SetupProject } from './open.ts';

/** What a project and its catalogue look like at the moment. */
export interface Survey {
  readonly token: 'read-write' | 'read-only';
  /** Names of servers that no agent made. */
  readonly strangers: readonly string[];
  /** How many servers agents have made in it. */
  readonly machines: number;
  readonly locations: readonly Location[];
  readonly types: readonly ServerType[];
  /** System images that are not deprecated, and snapshots that are labelled as templates. */
  readonly images: readonly Image[];
  readonly firewalls: readonly string[];
  readonly pricing: Pricing;
}

/**
 * Looks at everything, and changes nothing. Throws `config` for a token that is refused. The locations come first: a wrong
 * endpoint answers 404 to everything, and must not look like an empty project.
 */
export async function surveyProject({ client, asking }: SetupProject): Promise<Survey> {
  const locations = await listAll(client, { path: '/locations', key: 'locations', entry: location }, asking);
  const [token, servers, types, images, firewalls, prices] = await Promise.all([
    rights({ client, asking }),
    listAll(client, { path: '/servers', key: 'servers', entry: server }, asking),
    listAll(client, { path: '/server_types', key: 'server_types', entry: serverType }, asking),
    listAll(client, { path: '/images', key: 'images', entry: image, query: [['status', 'available']] }, asking),
    listAll(client, { path: '/firewalls', key: 'firewalls', entry: firewall }, asking),
    client.get({ doing: 'tell its prices', path: '/pricing', answer: pricingSchema, ...asking }),
  ]);
  const strangers = servers.entries.filter(({ labels }) => labels[LABEL.agent] === undefined);
  return {
    token,
    strangers: strangers.map(({ name }) => name),
    machines: servers.entries.length - strangers.length,
    locations: locations.entries,
    types: types.entries,
    images: images.entries.filter(isUsable),
    firewalls: firewalls.entries.map(({ name }) => name),
    pricing: prices.pricing,
  };
}

/** A request that can never be met tells whether the token may write. */
async function rights({ client, asking }: Pick<SetupProject, 'client' | 'asking'>): Promise<Survey['token']> {
  const answer = await client.call({
    doing: 'check the token',
    method: 'POST',
    path: '/ssh_keys',
    body: {},
    answer: z.unknown(),
    expects: ['invalid_input', 'json_error', 'token_readonly'],
    ...asking,
  });
  return !answer.ok && answer.refusal.code === 'token_readonly' ? 'read-only' : 'read-write';
}

function isUsable({ type, deprecated, labels }: Image): boolean {
  if (type === 'snapshot') return labels?.[LABEL.template] !== undefined;
  return type === 'system' && typeof deprecated !== 'string';
}

/** What the operator should hear before choosing anything; a `fail` ends the set-up. Pure. */
export function verdicts({ token, strangers, machines, types, locations }: Survey): Finding[] {
  const findings: Finding[] = [
    token === 'read-write'
      ? { level: 'pass', code: 'hetzner.token.ok', title: 'The token may read and write' }
      : {
          level: 'fail',
          code: 'hetzner.token.read-only',
          title: 'The token may only read',
          remedy: 'Make one with read and write permission: Hetzner console, project, Security, API tokens.',
        },
  ];
  if (strangers.length > 0) {
    const shown = strangers.slice(0, 5).join(', ');
    findings.push({
      level: 'warn',
      code: 'hetzner.project.shared',
      title: `The project holds ${strangers.length} servers that no agent made: ${shown}`,
      remedy: 'Make a new project for the agent: requests, limits and the bill are counted for each project.',
    });
  } else {
    const title =
      machines === 0 ? 'The project holds no servers' : `The project holds ${machines} servers of agents only`;
    findings.push({ level: 'pass', code: 'hetzner.project.pure', title });
  }
  if (types.length === 0 || locations.length === 0) {
    findings.push({
      level: 'fail',
      code: 'hetzner.catalogue.empty',
      title: 'The catalogue shows nothing to order',
      remedy: 'See whether the endpoint is right, and whether the account may order.',
    });
  }
  return findings;
}
