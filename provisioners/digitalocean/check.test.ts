import { afterEach, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../simulators/digitalocean/options.ts';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Finding, silentLog, sleep } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget } from './fixtures.ts';
import { agentTag } from './tags.ts';

let opened: Opened | undefined;
afterEach(() => opened?.close());

function open(settings: Record<string, unknown> = {}): Opened {
  opened = openTarget({ settings });
  return opened;
}

async function findings({ provisioner }: Opened): Promise<readonly Finding[]> {
  return provisioner.check({ signal: new AbortController().signal, log: silentLog });
}

async function codes(target: Opened): Promise<string[]> {
  return (await findings(target)).map(({ level, code }) => `${level} ${code}`);
}

test('all is well, with the price of every size, and nothing was made', async () => {
  const target = open();
  const found = await findings(target);
  expect(found.filter(({ level }) => level !== 'pass')).toEqual([]);
  expect(found.map(({ title }) => title)).toContain(
    'Size s-1vcpu-1gb (1 cores, 1024 MB, 25 GB disk) can be ordered in nyc3, fra1: 6.00 USD a month',
  );
  expect(target.core.account.droplets.size).toBe(0);
  expect(target.core.account.keys.size + target.core.account.tags.size).toBe(0);
});

test.each<[what: string, settings: Record<string, unknown>, trouble: (target: Opened) => void, code: string]>([
  [
    'a token that may only read',
    {},
    ({ core }) => core.admin.makeReadOnly(SIMULATOR_TOKEN),
    'fail digitalocean.token.read-only',
  ],
  [
    'a token that was taken back',
    {},
    ({ core }) => core.admin.revoke(SIMULATOR_TOKEN),
    'fail digitalocean.api.refuses',
  ],
  ['an API that nobody reaches', {}, ({ core }) => core.admin.setReachable(false), 'fail digitalocean.api.unreachable'],
  ['a locked account', {}, ({ core }) => core.admin.setAccountStatus('locked'), 'fail digitalocean.account.status'],
  ['a size that is gone', { sizes: ['s-gone'] }, () => {}, 'fail digitalocean.size.unknown'],
  ['a region that is closed', { regions: ['nyc2'] }, () => {}, 'warn digitalocean.region.closed'],
  ['a region that never was', { default_region: 'x', regions: [] }, () => {}, 'fail digitalocean.region.unknown'],
  ['an image that is gone', { images: ['gone'] }, () => {}, 'fail digitalocean.image.missing'],
  ['an image that is elsewhere', { images: ['900'], regions: ['ams3'] }, () => {}, 'warn digitalocean.image.elsewhere'],
  ['a firewall that is not there', { firewall: 'web' }, () => {}, 'fail digitalocean.firewall.missing'],
  ['droplets of other people’s', {}, ({ core }) => void core.admin.addForeign(), 'warn digitalocean.account.shared'],
  [
    'a volume with our tag',
    {},
    ({ core }) => void core.admin.addThing('volume', [agentTag(AGENT)]),
    'warn digitalocean.leftovers.found',
  ],
  [
    'a droplet that lost its order',
    {},
    ({ core }) => void core.admin.addForeign({ tags: [agentTag(AGENT)] }),
    'warn digitalocean.droplet.damaged',
  ],
  [
    'requests that other tools use up',
    {},
    ({ core }) => core.admin.spendRequests(3_900),
    'warn digitalocean.requests.low',
  ],
])('%s is found', async (_, settings, trouble, code) => {
  const target = open(settings);
  trouble(target);
  expect(await codes(target)).toContain(code);
});

test('a droplet that is called like a machine and has lost its tags is found, when it is old enough', async () => {
  const target = open();
  target.core.admin.addForeign({ name: sampleOrder(AGENT).name });
  await sleep(target.clock, 60_000);
  expect(await codes(target)).toContain('warn digitalocean.droplet.unmarked');
});
