import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SIMULATOR_KEY } from '../../simulators/vultr/options.ts';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import { silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, played } from './fixtures.ts';
import { stampTags } from './tags.ts';

const SOME_ID = '7a1f5c0e-2b3d-4e5f-8a9b-0c1d2e3f4a5b';

let clock: VirtualClock;
let opened: Opened;
beforeEach(() => open());
afterEach(() => opened.close());

function open(settings: Record<string, unknown> = {}): void {
  clock = createVirtualClock();
  opened = openTarget({ clock, settings });
}

const check = () => played(clock, opened.provisioner.check({ signal: new AbortController().signal, log: silentLog }));
const codes = async (level?: string) =>
  (await check()).filter((finding) => level === undefined || finding.level === level).map(({ code }) => code);
const titleOf = async (code: string) => (await check()).find((finding) => finding.code === code)?.title;

describe('an account in which all is well', () => {
  test('passes, with the prices of today and what a paused machine costs', async () => {
    expect(await codes('pass')).toEqual([
      'vultr.api.reachable',
      'vultr.account.pure',
      'vultr.key.ok',
      'vultr.plan.ok',
      'vultr.plan.ok',
      'vultr.image.ok',
      'vultr.halt.billed',
    ]);
    expect(await titleOf('vultr.plan.ok')).toBe(
      'Plan vc2-1c-1gb (1 cores, 1024 MB, 25 GB disk) can be ordered in ams, fra: 5.00 USD a month',
    );
    expect(await titleOf('vultr.image.ok')).toBe('Image os:2136 (Debian 12 x64 (bookworm)) is there');
  });

  test('is not changed by looking', async () => {
    await check();
    expect([...opened.core.calls.keys()].filter((call) => !call.startsWith('GET '))).toEqual([]);
  });
});

describe('what is wrong is said', () => {
  test('when nobody answers, and when the key or the endpoint is wrong', async () => {
    opened.core.admin.setReachable(false);
    expect(await codes()).toEqual(['vultr.api.unreachable']);
    opened.core.admin.setReachable(true);
    opened.core.admin.revoke(SIMULATOR_KEY);
    expect(await codes()).toEqual(['vultr.api.refuses']);
    for (let time = 0; time < 9; time++) {
      opened.tampers.push({
        before: () => ({ status: 404, headers: {}, body: '{"error":"Invalid path.","status":404}' }),
      });
    }
    expect(await codes()).toEqual(['vultr.api.refuses']);
  });

  test('when the key is not allowed from this address, with what to do', async () => {
    opened.core.admin.allowFrom(['192.0.2.1']);
    const [finding] = await check();
    expect(finding).toMatchObject({ level: 'fail', code: 'vultr.api.address-refused' });
    expect(finding?.remedy).toContain('Access Control');
  });

  test('when the key lacks rights', async () => {
    opened.core.admin.setAcls(['subscriptions_view', 'subscriptions']);
    expect(await codes('fail')).toEqual(['vultr.key.rights']);
    expect(await titleOf('vultr.key.rights')).toBe('The API key lacks the rights provisioning');
    opened.core.faults.add({ call: 'GET /account', fault: { kind: 'error', status: 403 } });
    expect(await codes('skip')).toEqual(['vultr.key.rights']);
  });

  test('when the key may see instances only: the rest is left out, and said to be', async () => {
    open({ firewall_group: SOME_ID });
    for (const call of ['GET /blocks', 'GET /firewalls/{id}', 'GET /account']) {
      opened.core.faults.add({ call, fault: { kind: 'error', status: 403, message: 'Forbidden.' } });
    }
    const findings = await check();
    expect(findings.filter(({ level }) => level === 'skip').map(({ code }) => code)).toEqual([
      'vultr.leftovers.unseen',
      'vultr.key.rights',
      'vultr.firewall.unseen',
    ]);
    expect(findings.filter(({ level }) => level === 'fail')).toEqual([]);
  });

  test('when plans, regions, images or the firewall do not exist, or do not fit', async () => {
    open({
      plans: ['vc2-9c-1gb', 'vc2-1c-0.5gb-v6', 'vhf-1c-1gb'],
      regions: ['fra', 'mars'],
      image: 'os:99',
      images: ['os:501', 'image:beos', `snapshot:${SOME_ID}`],
      firewall_group: SOME_ID,
    });
    expect(await codes('fail')).toEqual([
      'vultr.plan.unknown',
      'vultr.plan.no-ipv4',
      'vultr.image.missing',
      'vultr.image.unfit',
      'vultr.image.missing',
      'vultr.image.missing',
      'vultr.firewall.missing',
    ]);
    expect(await codes('warn')).toEqual(['vultr.region.unknown', 'vultr.plan.sold-out']);
  });

  test('when others use the account, above all the platform itself', async () => {
    opened.core.admin.addForeign({ label: 'shop' });
    expect(await codes('warn')).toEqual(['vultr.account.shared']);
    opened.core.admin.addForeign({ label: 'dc-recipe-0123456789ab' });
    expect(await codes('warn')).toEqual(['vultr.account.platform']);
  });

  test('when instances are suspended, stuck, or two of one order', async () => {
    const { stamp, name } = sampleOrder(AGENT);
    const ids = [1, 2].map(() => opened.core.admin.addForeign({ label: name, tags: stampTags(stamp) }));
    expect(await codes('warn')).toEqual(['vultr.twins.found']);
    opened.core.admin.lose(ids[0] ?? '');
    opened.core.admin.suspend(ids[1] ?? '', true);
    expect(await codes('warn')).toEqual(['vultr.instance.suspended']);
    opened.tampers.push({
      after: ({ path }, response) =>
        path.startsWith('/instances?per_page')
          ? { ...response, body: response.body.replace('"suspended"', '"pending"') }
          : undefined,
    });
    await clock.advance(1_000_000);
    expect(await codes('warn')).toEqual(['vultr.instance.stuck']);
  });

  test('when something called after a machine is attached to nothing, and nothing else is', async () => {
    const { name } = sampleOrder(AGENT);
    opened.core.admin.addBlock('the-owners');
    expect(await codes('warn')).toEqual([]);
    opened.core.admin.addBlock(`${name}-data`);
    opened.core.admin.addReservedIp(name);
    expect(await codes('warn')).toEqual(['vultr.leftovers.found']);
    expect(await titleOf('vultr.leftovers.found')).toContain(`block storage ${name}-data, reserved IP ${name}`);
  });
});
