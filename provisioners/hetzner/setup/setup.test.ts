import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHetznerCore, type HetznerCore } from '../../../simulators/hetzner/core.ts';
import { inProcessHetzner } from '../../../simulators/hetzner/in-process.ts';
import { SIMULATOR_TOKEN } from '../../../simulators/hetzner/options.ts';
import { Secret, systemRandom } from '../../../src/provisioner/index.ts';
import { depsOf, fastClock, settingsOf } from '../fixtures.ts';
import { hetznerSettings } from '../schema.ts';
import {
  type Choice,
  chooseSettings,
  ensureFirewall,
  offersIn,
  openSetup,
  removeFirewall,
  type SetupProject,
  surveyProject,
  trialCost,
  verdicts,
} from './index.ts';

const clock = fastClock(100);
let core: HetznerCore;
let project: SetupProject;

beforeEach(async () => {
  core = createHetznerCore({ clock, random: systemRandom });
  project = await open(SIMULATOR_TOKEN);
});
afterEach(async () => {
  await project.close();
  core.close();
});

function open(token: string): Promise<SetupProject> {
  return openSetup({
    endpoint: settingsOf().endpoint,
    token: new Secret(token),
    deps: depsOf(clock),
    signal: new AbortController().signal,
    transport: inProcessHetzner(core, { clock }),
  });
}

const levels = async () => verdicts(await surveyProject(project)).map(({ level, code }) => `${level} ${code}`);

describe('a survey of the project', () => {
  test('finds nothing wrong with an empty one, and changes nothing', async () => {
    expect(await levels()).toEqual(['pass hetzner.token.ok', 'pass hetzner.project.pure']);
    expect([core.project.servers.size, core.project.sshKeys.size, core.project.firewalls.size]).toEqual([0, 0, 0]);
  });

  test('says that the token may only read, and whose servers are there', async () => {
    core.admin.makeReadOnly(SIMULATOR_TOKEN);
    core.admin.addForeign({ name: 'shop' });
    expect(await levels()).toEqual(['fail hetzner.token.read-only', 'warn hetzner.project.shared']);
  });

  test('is refused with a token that is not known', async () => {
    core.admin.revoke(SIMULATOR_TOKEN);
    await expect(surveyProject(project)).rejects.toMatchObject({ kind: 'config' });
  });

  test('sees the whole catalogue, beyond its first page', async () => {
    const survey = await surveyProject(project);
    expect(survey.types.length).toBeGreaterThan(25);
    expect(survey.images.map(({ name }) => name)).toContain('debian-13');
    expect(survey.images.map(({ name }) => name)).not.toContain('debian-11');
  });
});

describe('what is offered in a location', () => {
  test('is what can be ordered there now, the cheapest first, with its address', async () => {
    const survey = await surveyProject(project);
    const offers = offersIn(survey, 'fsn1', 'own', clock.now());
    const bare = offersIn(survey, 'fsn1', 'none', clock.now());
    expect(offers[0]).toMatchObject({ type: 'cx23', cores: 2, memoryGb: 4, diskGb: 40, architecture: 'x86' });
    expect(Number(offers[0]?.monthly)).toBeGreaterThan(Number(bare[0]?.monthly));
    expect(offers[0]?.shown).toMatch(/^\d+\.\d\d EUR$/);
    const prices = offers.map(({ monthly }) => Number(monthly));
    expect(prices).toEqual(prices.toSorted((a, b) => a - b));
    // Out of sale since months, and sold elsewhere only.
    const types = offers.map(({ type }) => type);
    expect(types).not.toContain('cx22');
    expect(types).not.toContain('cpx11');
    expect(offers.find(({ type }) => type === 'cx42')?.endsAt).toBeDefined();
    expect(trialCost(offers[0] ?? expect.fail('nothing is offered'), survey.pricing.currency)).toMatch(/^0\.\d\d EUR$/);
  });

  test('leaves out what is sold out', async () => {
    core.admin.setStock('cx23', 'fsn1', 'sold-out');
    const offers = offersIn(await surveyProject(project), 'fsn1', 'own', clock.now());
    expect(offers.map(({ type }) => type)).not.toContain('cx23');
  });
});

describe('a choice', () => {
  const choice: Choice = {
    locations: ['fsn1', 'nbg1'],
    types: ['cx23', 'cpx22'],
    image: 'debian-13',
    offerings: ['small-vps'],
    ipv4: 'own',
    token: { credential: 'hetzner' },
  };

  test('becomes settings that the plugin takes', async () => {
    const chosen = chooseSettings(await surveyProject(project), { ...choice, maxServers: 20 });
    expect(chosen.ok).toBe(true);
    const settings = chosen.ok ? chosen.settings : {};
    expect(settings['token']).toEqual({ credential: 'hetzner' });
    const parsed = hetznerSettings.parse({ ...settings, token: 'a text in place of the file' });
    expect(parsed).toMatchObject({ server_types: ['cx23', 'cpx22'], image: 'debian-13', max_servers: 20 });
  });

  test('is refused with everything that is wrong, and what there is', async () => {
    const wrong = { ...choice, locations: ['moon'], types: ['cx11'], image: 'beos', offerings: [] };
    const chosen = chooseSettings(await surveyProject(project), wrong);
    expect(chosen.ok ? [] : chosen.problems.map((problem) => problem.split(':')[0])).toEqual([
      'there is no location moon',
      'there is no server type cx11',
      'there is no image beos',
      'name at least one offering that this target serves',
    ]);
  });
});

describe('the firewall', () => {
  const open = { name: 'dc-agent', policy: 'open', setup: 'mine' } as const;

  test('is made once, and one that is there is left as it is', async () => {
    expect(await ensureFirewall(project, { ...open, policy: 'ssh' })).toBe('made');
    const [before] = core.project.firewalls.values();
    expect(before?.rules).toHaveLength(2);
    expect(await ensureFirewall(project, open)).toBe('found');
    expect([...core.project.firewalls.values()]).toHaveLength(1);
    expect([...core.project.firewalls.values()][0]?.rules).toHaveLength(2);
  });

  test('is there once although the answer was lost', async () => {
    core.faults.add({ call: 'POST /firewalls', fault: { kind: 'drop-after' } });
    await expect(ensureFirewall(project, { ...open, policy: 'web' })).rejects.toMatchObject({ kind: 'retry' });
    expect(await ensureFirewall(project, { ...open, policy: 'web' })).toBe('found');
    expect(core.project.firewalls.size).toBe(1);
  });

  test('is removed by the set-up that made it, and by no other, and not while a server has it', async () => {
    await ensureFirewall(project, open);
    const [made] = core.project.firewalls.values();
    expect(await removeFirewall(project, { name: 'dc-agent', setup: 'another' })).toBe('not-ours');
    made?.servers.set(7, 'applied');
    expect(await removeFirewall(project, open)).toBe('in-use');
    made?.servers.clear();
    expect(await removeFirewall(project, open)).toBe('removed');
    expect(await removeFirewall(project, open)).toBe('absent');
  });
});
