import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget } from './fixtures.ts';
import { stampLabels } from './labels.ts';

let opened: Opened;
beforeEach(() => {
  opened = openTarget();
});
afterEach(() => opened.close());

const check = () => opened.provisioner.check({ signal: new AbortController().signal, log: silentLog });
const codes = async (level?: string) =>
  (await check()).filter((finding) => level === undefined || finding.level === level).map(({ code }) => code);
const titleOf = async (code: string) => (await check()).find((finding) => finding.code === code)?.title;

async function reopen(settings: Record<string, unknown>): Promise<void> {
  await opened.close();
  opened = openTarget({ settings });
}

function post(path: string, body: object): void {
  const headers = { authorization: `Bearer ${SIMULATOR_TOKEN}` };
  const { status, body: text } = opened.core.handle({
    method: 'POST',
    path: `/v1${path}`,
    headers,
    body: JSON.stringify(body),
  });
  if (status !== 201) throw new Error(text);
}

describe('a project in which all is well', () => {
  test('passes, with the prices of today and what a paused machine costs', async () => {
    expect(await codes('pass')).toEqual([
      'hetzner.api.reachable',
      'hetzner.token.ok',
      'hetzner.type.ok',
      'hetzner.type.ok',
      'hetzner.image.ok',
      'hetzner.suspend.poweroff',
      'hetzner.project.pure',
      'hetzner.requests.ok',
    ]);
    expect(await titleOf('hetzner.type.ok')).toMatch(
      /^Server type cx23 \(2 cores, 4 GB, 40 GB disk\) can be ordered: fsn1 2\.99 EUR, nbg1 2\.99 EUR net a month$/,
    );
    expect(opened.core.project.sshKeys.size).toBe(0);
  });

  test('says what a suspended machine costs where that is how machines are paused', async () => {
    await reopen({ suspend: 'snapshot' });
    expect(await titleOf('hetzner.suspend.snapshot')).toMatch(/at 0\.\d\d EUR net for each GB and month/);
  });
});

describe('what is wrong is said', () => {
  test('when nobody answers, and when the token or the endpoint is wrong', async () => {
    opened.core.admin.setReachable(false);
    expect(await codes()).toEqual(['hetzner.api.unreachable']);
    opened.core.admin.setReachable(true);
    opened.core.admin.revoke(SIMULATOR_TOKEN);
    expect(await codes()).toEqual(['hetzner.api.refuses']);
    for (let time = 0; time < 9; time++) {
      opened.tampers.push({ before: () => ({ status: 404, headers: {}, body: '{"error":"api route not found"}' }) });
    }
    expect(await codes()).toEqual(['hetzner.api.refuses']);
  });

  test('when the token may only read', async () => {
    opened.core.admin.makeReadOnly(SIMULATOR_TOKEN);
    expect(await codes('fail')).toEqual(['hetzner.token.read-only']);
  });

  test('when types, locations, images or the firewall do not exist', async () => {
    await reopen({
      server_types: ['cx11', 'cx22', 'cx42', 'cax11'],
      locations: ['fsn1', 'mars1'],
      image: 'debian-11',
      images: ['beos', 'snapshot:mine'],
      firewall: 'none',
    });
    expect(await codes('fail')).toEqual([
      'hetzner.type.unknown',
      'hetzner.image.missing',
      'hetzner.image.missing',
      'hetzner.firewall.missing',
    ]);
    expect(await codes('warn')).toEqual([
      'hetzner.location.unknown',
      'hetzner.type.sold-out',
      'hetzner.type.ending',
      'hetzner.image.deprecated',
    ]);
  });

  test('when others use the project, above all the platform itself', async () => {
    opened.core.admin.addForeign({ name: 'shop' });
    expect(await codes('warn')).toEqual(['hetzner.project.shared']);
    opened.core.admin.addForeign({ name: 'dc-recipe-0123456789ab' });
    expect(await codes('warn')).toEqual(['hetzner.project.platform']);
  });

  test('when requests run low', async () => {
    await reopen({ reserve_requests: 0 });
    opened.core.admin.spendRequests(2_800);
    expect(await codes('warn')).toEqual(['hetzner.requests.low']);
  });

  test('when a server is still being made after a quarter of an hour', async () => {
    const order = sampleOrder(AGENT);
    opened.core.faults.add({ call: 'POST /servers', fault: { kind: 'slow', command: 'create_server', ms: 7_200_000 } });
    const ending = new AbortController();
    const made = opened.provisioner.create(order, operation(order.stamp, { signal: ending.signal }));
    made.catch(() => {});
    while (opened.core.project.servers.size === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await codes('warn')).toEqual([]);
    const [server] = opened.core.project.servers.values();
    if (server) Object.assign(server, { created: server.created - 1_000_000 });
    expect(await codes('warn')).toEqual(['hetzner.server.stuck']);
    ending.abort(new Error('enough'));
  });

  test('when Hetzner has blocked an address', async () => {
    const order = sampleOrder(AGENT);
    const { externalId } = await opened.provisioner.create(order, operation(order.stamp));
    opened.core.admin.block(Number(externalId), true);
    expect(await codes('warn')).toEqual(['hetzner.server.blocked']);
    const ref = { stamp: order.stamp, externalId, handles: {} };
    const seen = await opened.provisioner.observe(ref, { signal: new AbortController().signal, log: silentLog });
    expect(seen).toMatchObject({ state: 'present', unhealthy: expect.stringContaining('abuse') });
  });

  test('when something of a machine that is gone still costs money, and not when its machine is there', async () => {
    const [gone, alive] = [sampleOrder(AGENT), sampleOrder(AGENT)];
    await opened.provisioner.create(alive, operation(alive.stamp));
    const address = (name: string, labels: object) =>
      post('/primary_ips', { name, type: 'ipv4', location: 'fsn1', assignee_type: 'server', labels });
    address('of-one-that-is-there', stampLabels(alive.stamp));
    expect(await codes('warn')).toEqual([]);
    address('of-one-that-is-gone', stampLabels(gone.stamp));
    post('/volumes', { name: 'left', size: 10, location: 'fsn1', labels: stampLabels(gone.stamp) });
    address('the-owners', {});
    expect(await codes('warn')).toEqual(['hetzner.leftovers.found']);
    expect(await titleOf('hetzner.leftovers.found')).toMatch(/^2 things .* primary IP \d+, volume \d+$/);
  });
});
