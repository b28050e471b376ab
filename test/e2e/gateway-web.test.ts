import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caddyAdmin } from '../../src/gateway/caddy-admin.ts';
import { openSite, PUBLIC_IP, type Site, siteAvailable, type Told } from './gateway-agent-world.ts';
import { hasCaddy } from './ground/caddy.ts';
import type { Lease } from './ground/market.ts';

const available = siteAvailable() === true && hasCaddy();
const MB = 1_000_000;
const SHOP = 'shop.example.com';

/** Debian's has not: what passes TLS through untouched is tested with a Caddy that was built for it, in gateway-acme.test.ts. */
const passesTls = available && execFileSync('caddy', ['list-modules'], { encoding: 'utf8' }).includes('layer4');

describe.skipIf(!available)('web servers of rented machines, by the running agent (needs root, nft and Caddy)', () => {
  let site: Site;
  let plain: Lease;
  let shop: Lease;
  let sealed: Lease;
  let toldPlain: Told;
  let toldShop: Told;
  let toldSealed: Told;

  beforeAll(async () => {
    site = await openSite();
    await site.helper.start();
    site.host.run();
    const { market, stall } = site;
    const soldAt8080 = market.offer(stall.pool, 'script', { web_port: 8080 });
    plain = market.rent(stall.offering);
    shop = market.rent(soldAt8080, { settings: { web_names: [SHOP] } });
    sealed = market.rent(stall.offering, { settings: { web_tls: 'machine' } });
    [toldPlain, toldShop, toldSealed] = (await Promise.all([plain, shop, sealed].map(site.delivered))) as [
      Told,
      Told,
      Told,
    ];
  }, 180_000);
  afterAll(() => site?.close(), 60_000);

  const visit = (name: string): Promise<unknown> => site.visitor.order('visit', { host: PUBLIC_IP, name });
  const nameOf = ({ contract }: Lease): string => contract.slice(0, 12);
  const until = (what: string, name: string, answer: string) => {
    let last: unknown;
    return site.pulse.until(
      what,
      async () => (last = await visit(name)) === answer,
      () => `${String(last)}\n${site.host.lately}`,
    );
  };

  test('a machine’s name leads to the port that its offering says, and a neighbour’s to port 80', async () => {
    await until('its web server by HTTPS', toldShop.gateway_subdomain, `200 ${nameOf(shop)} at 8080`);
    expect(await visit(toldPlain.gateway_subdomain)).toBe(`200 ${nameOf(plain)}`);
  });

  test('a name of the tenant’s own is nobody’s before its owner has said so, and the operator is told', async () => {
    expect(String(await visit(SHOP))).not.toContain(nameOf(shop));
    expect(await missing(shop)).toContain(`the name ${SHOP} does not name this machine in DNS`);
  });

  test('once its owner has named the machine in DNS it leads there, also through a restart', async () => {
    site.owners.set(SHOP, toldShop.gateway_subdomain);
    // A process remembers a no for a minute.
    expect((await site.host.stop())?.code).toBe(0);
    site.host.run();
    await until('the own name', SHOP, `200 ${nameOf(shop)} at 8080`);
    expect(await visit(toldShop.gateway_subdomain)).toBe(`200 ${nameOf(shop)} at 8080`);
    expect(await visit(toldPlain.gateway_subdomain)).toBe(`200 ${nameOf(plain)}`);
    await site.pulse.until('no complaint', async () => (await missing(shop)) === undefined);
  });

  test('what the web server passes on is counted, to within 2 % of what the machine’s network card saw', async () => {
    const [seenBefore, before] = [await site.moved(plain), await site.counted(plain)];
    const order = { host: PUBLIC_IP, name: toldPlain.gateway_subdomain };
    expect(await site.visitor.order('visit', { ...order, bytes: 3 * MB })).toBe(`200 ${3 * MB}`);
    expect(await site.visitor.order('visit', { ...order, upload: 2 * MB })).toBe(`200 ${nameOf(plain)}`);
    const [seen, sums] = [await site.moved(plain), await site.counted(plain)];
    for (const [direction, bytes] of [
      ['out', 3 * MB],
      ['in', 2 * MB],
    ] as const) {
      const [real, counted] = [seen[direction] - seenBefore[direction], sums[direction] - before[direction]];
      expect(counted).toBeGreaterThanOrEqual(bytes);
      expect(Math.abs(counted - real), `${direction}: ${counted} of ${real}`).toBeLessThan(0.02 * real);
    }
  });

  test.skipIf(passesTls)('TLS that this Caddy cannot pass on is said, and nothing is served in the clear', async () => {
    expect(await missing(sealed)).toMatch(/lacks the module caddy\.listeners\.layer4/);
    expect(await visit(toldSealed.gateway_subdomain)).toMatch(/^404 /);
    expect(await configuration()).not.toContain(`${toldSealed.ip_address}:`);
    // The machine itself is handed over, with all its ports.
    expect(await site.login(sealed, 'uname -n')).toBe(`${nameOf(sealed)}\n`);
  });

  test('with the contract both names end, and the neighbour’s stays', async () => {
    expect(await configuration()).toContain(`${toldShop.ip_address}:8080`);
    site.market.core.admin.cancel(shop.contract);
    await site.pulse.until(
      'the end of the contract',
      () => site.host.isClosed(shop.contract),
      () => site.host.lately,
    );
    expect(await visit(toldShop.gateway_subdomain)).toMatch(/^404 There is no machine of this name/);
    expect(String(await visit(SHOP))).not.toContain(nameOf(shop));
    const left = await configuration();
    for (const trace of [toldShop.ip_address, toldShop.gateway_slug, SHOP]) expect(left).not.toContain(trace);
    expect(await visit(toldPlain.gateway_subdomain)).toBe(`200 ${nameOf(plain)}`);
  });

  /** What the operator is told that this contract lacks. */
  async function missing({ contract }: Lease): Promise<string | undefined> {
    const { out } = await site.host.dc('status', '--json');
    const contracts: { contract: string; route?: { problem?: string } }[] = JSON.parse(out).contracts;
    return contracts.find((one) => one.contract === contract)?.route?.problem;
  }

  /** All that Caddy goes by. */
  async function configuration(): Promise<string> {
    const admin = caddyAdmin(site.caddySocket);
    try {
      return JSON.stringify((await admin.read('/config/', AbortSignal.timeout(20_000))).body);
    } finally {
      await admin.close();
    }
  }
});
