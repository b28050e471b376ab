import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DC_ID, type Moved, openSite, PUBLIC_IP, type Site, siteAvailable, type Told } from './gateway-agent-world.ts';
import type { Lease } from './ground/market.ts';

const available = siteAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

const MB = 1_000_000;

describe.skipIf(available !== true)(`the running agent behind one public address${why}`, () => {
  let site: Site;
  let alice: Lease;
  let bob: Lease;
  let toldAlice: Told;
  let toldBob: Told;

  beforeAll(async () => {
    site = await openSite();
    await site.helper.start();
    site.host.run();
    alice = site.market.rent(site.stall.offering);
    bob = site.market.rent(site.stall.offering);
    toldAlice = await site.delivered(alice);
    toldBob = await site.delivered(bob);
  }, 180_000);
  afterAll(() => site?.close(), 60_000);

  /** What the platform was last told that a contract's machine has moved. */
  const reported = ({ contract }: Lease) =>
    site.market.core.state.bandwidth.findLast((row) => row.contract === contract);
  const shortName = ({ contract }: Lease): string => contract.slice(0, 12);
  const download = (told: Told, bytes: number) =>
    site.visitor.order('download', { host: PUBLIC_IP, port: told.gateway_ssh_port + 1, bytes });

  test('two tenants log in at one address, each through a port of his own', async () => {
    expect(await site.login(alice, 'uname -n')).toBe(`${shortName(alice)}\n`);
    expect(await site.login(bob, 'uname -n')).toBe(`${shortName(bob)}\n`);
    expect(await download(toldAlice, 0)).toBe(shortName(alice));
    expect(await download(toldBob, 0)).toBe(shortName(bob));
  });

  test('the platform has slug, name and ports, each in the type that it reads', () => {
    for (const told of [toldAlice, toldBob]) {
      const first = told.gateway_ssh_port;
      expect(told).toMatchObject({
        public_ip: PUBLIC_IP,
        ip_address: expect.stringMatching(/^10\.77\.0\.\d+$/),
        ssh_port: first,
        gateway_slug: expect.stringMatching(/^[a-z0-9]{6}$/),
        gateway_subdomain: `${told.gateway_slug}.${DC_ID}.gw.decent-cloud.org`,
        gateway_ssh_port: expect.any(Number),
        gateway_port_range_start: first,
        gateway_port_range_end: first + 9,
      });
    }
    expect(Math.abs(toldAlice.gateway_ssh_port - toldBob.gateway_ssh_port)).toBe(10);
    expect(toldAlice.ip_address).not.toBe(toldBob.ip_address);
  });

  test('both have the address that was promised to them, and their names in DNS', async () => {
    for (const [lease, told] of [
      [alice, toldAlice],
      [bob, toldBob],
    ] as const) {
      expect((await site.machines(lease.contract)).map(({ address }) => address)).toEqual([told.ip_address]);
      const record = { name: told.gateway_subdomain, ip: PUBLIC_IP };
      await site.pulse.until('its name', () => site.market.core.state.dns.some((one) => one.name === record.name));
      expect(site.market.core.state.dns.filter(({ name }) => name === record.name)).toEqual([record]);
    }
  });

  test('their web servers are reached by name over HTTPS (where there is Caddy)', async ({ skip }) => {
    if (!site.hasNames) skip('there is no Caddy here');
    const visit = ({ gateway_subdomain: name }: Told) => site.visitor.order('visit', { host: PUBLIC_IP, name });
    await site.pulse.until('certificates', async () => String(await visit(toldBob)).startsWith('200'));
    expect(await visit(toldAlice)).toBe(`200 ${shortName(alice)}`);
    expect(await visit(toldBob)).toBe(`200 ${shortName(bob)}`);
  });

  test('a tenant reaches his neighbour by the public port only, and the host not at all', async () => {
    const doors = {
      neighbour: `${toldBob.ip_address}/22`,
      neighbourWeb: `${toldBob.ip_address}/80`,
      neighbourAsEverybody: `${PUBLIC_IP}/${toldBob.gateway_ssh_port}`,
      platform: new URL(site.market.url).host.replace(':', '/'),
      host: '10.77.0.1/443',
    };
    const knocks = Object.entries(doors).map(
      ([name, door]) => `(timeout 1 bash -c '</dev/tcp/${door}' 2>/dev/null && echo ${name}) &`,
    );
    expect(await site.login(alice, `${knocks.join(' ')} wait`)).toBe('neighbourAsEverybody\n');
  });

  test('what they move is counted, for each of them, to within 2 % of what their network cards saw', async () => {
    const [seenBefore, before] = [await site.moved(alice), await site.counted(alice)];
    const bobBefore = await site.counted(bob);
    expect(await download(toldAlice, 3 * MB)).toBe(3 * MB);
    await site.visitor.order('upload', { host: PUBLIC_IP, port: toldAlice.gateway_ssh_port + 1, bytes: 2 * MB });
    const seen = difference(await site.moved(alice), seenBefore);
    const sums = difference(await site.counted(alice), before);
    // With headers it is more than what was sent, by some 3 % where packets are not put together on the way.
    for (const [direction, bytes] of [
      ['out', 3 * MB],
      ['in', 2 * MB],
    ] as const) {
      expect(sums[direction]).toBeGreaterThanOrEqual(bytes);
      expect(
        Math.abs(sums[direction] - seen[direction]),
        `${direction}: ${JSON.stringify({ sums, seen })}`,
      ).toBeLessThan(0.02 * seen[direction]);
    }
    expect(difference(await site.counted(bob), bobBefore).out).toBeLessThan(0.02 * 3 * MB);
  });

  test('sums outlast a restart of the agent, and the loss of the whole table', async () => {
    expect((await site.host.stop())?.code).toBe(0);
    const before = await site.sums(alice);
    await site.on('nft', 'flush', 'ruleset');
    const beats: string[] = [];
    const unhook = site.market.core.onExchange(({ request }) => {
      if (request.path.endsWith('/heartbeat')) beats.push(request.body);
    });
    site.host.run();
    await reopened(alice);
    unhook();
    expect(beats[0]).toContain(alice.contract);
    await download(toldAlice, MB);
    await site.pulse.until('a larger sum', async () => (await site.sums(alice)).out >= before.out + MB);
    expect((await site.sums(alice)).in).toBeGreaterThan(before.in);
    const { code, stdout, stderr } = await site.dc('traffic', shortName(alice));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/total +2\.\d+ MB in, 4\.\d+ MB out/);
  });

  test('doctor looks at all of it', async () => {
    const { stdout } = await site.dc('doctor', '--json');
    const sections: { name: string; findings: { level: string; code: string; title: string }[] }[] =
      JSON.parse(stdout).sections;
    const found = sections.find(({ name }) => name === 'gateway')?.findings ?? [];
    // Some kernels do not name bridges, which it says.
    const odd = found.filter(({ level, code }) => level !== 'pass' && code !== 'gateway.kernel.bridge');
    expect(odd).toEqual([]);
    const looked = [
      'gateway.host',
      'gateway.ports',
      ...(site.hasNames ? ['gateway.caddy', 'gateway.certificate', 'gateway.https.path'] : []),
    ];
    expect(found.map(({ code }) => code)).toEqual(expect.arrayContaining(looked));
  });

  test('a hand in the rules, and a helper that is started anew, leave nothing wrong for longer than a pass', async () => {
    const [first, second] = await site.portsTo(toldAlice.ip_address);
    const forwards = ['inet', 'dc_agent', 'forwards'];
    const key = (port: number | undefined) => `{ ${PUBLIC_IP} . tcp . ${port} }`;
    // One port leads nowhere, and one to the neighbour.
    await site.on('nft', 'delete', 'element', ...forwards, key(first));
    await site.on('nft', 'delete', 'element', ...forwards, key(second));
    await site.on('nft', 'add', 'element', ...forwards, `{ ${PUBLIC_IP} . tcp . ${second} : ${toldBob.ip_address} }`);
    await reopened(alice);
    expect(await site.portsTo(toldBob.ip_address)).toHaveLength(10);
    expect(await download(toldAlice, 0)).toBe(shortName(alice));

    await site.helper.stop();
    await site.on('nft', 'delete', 'table', 'inet', 'dc_agent');
    await site.helper.start();
    await reopened(bob);
    expect(await site.login(bob, 'uname -n')).toBe(`${shortName(bob)}\n`);
  });

  test('killed after the ports were opened and before the machine was handed over, it ends with one route', async () => {
    const carol = site.market.rent(site.stall.offering);
    const { contract } = carol;
    // The first report is that work has begun, the second is the machine.
    site.market.core.faults.add({
      route: 'provisioning',
      match: contract,
      skip: 1,
      fault: { kind: 'hang', processed: false },
    });
    const reports = () =>
      site.market.requests.filter(({ route, path }) => route === 'provisioning' && path.includes(contract));
    await site.pulse.until(
      'the report of the machine',
      () => reports().length > 1,
      () => site.host.lately,
    );
    expect(site.market.row(contract).status).not.toBe('active');
    await site.host.kill();
    site.host.run();
    const told = await site.delivered(carol);
    const machines = await site.machines(contract);
    expect(machines.map(({ address }) => address)).toEqual([told.ip_address]);
    expect(await site.portsTo(told.ip_address)).toEqual(tenFrom(told.gateway_ssh_port));
    expect(await site.login(carol, 'uname -n')).toBe(`${shortName(carol)}\n`);
  });

  test('a cancelled contract’s ports are closed before its machine goes', async () => {
    site.market.core.admin.cancel(bob.contract);
    await site.pulse.until(
      'the end of the contract',
      () => site.host.isClosed(bob.contract),
      () => site.host.lately,
    );
    const [machine, ...others] = await site.machines(bob.contract);
    expect(others).toEqual([]);
    const leadsTo = ({ ip_address: address }: Told) => new RegExp(`: ${address.replaceAll('.', '[.]')}\\b`);
    expect(machine?.ports).toMatch(leadsTo(toldAlice));
    expect(machine?.ports).not.toMatch(leadsTo(toldBob));
    expect(site.market.core.state.dns.map(({ name }) => name)).not.toContain(toldBob.gateway_subdomain);
    const door = { host: PUBLIC_IP, port: toldBob.gateway_ssh_port };
    expect(await site.visitor.order('connect', door)).not.toBe('open');
  });

  test('with the helper gone nothing is handed over; once it is back all is, at ports that nobody had', async () => {
    await site.helper.stop();
    const dave = site.market.rent(site.stall.offering);
    const { contract } = dave;
    await site.pulse.until(
      'a pass that failed',
      () => failing(),
      () => site.host.lately,
    );
    const lists = site.market.requests.length;
    const passes = () => site.market.requests.slice(lists).filter(({ route }) => route === 'pending-provision').length;
    await site.pulse.until(
      'further looks at the work list',
      () => passes() > 1,
      () => [...new Set(site.market.requests.map(({ route }) => route))].join(),
    );
    expect(site.market.row(contract).status).not.toMatch(/^(active|provisioned)$/);

    await site.helper.start();
    const told = await site.delivered(dave);
    expect(await site.login(dave, 'uname -n')).toBe(`${shortName(dave)}\n`);
    expect(told.gateway_ssh_port).not.toBe(toldBob.gateway_ssh_port);
    expect(told.ip_address).not.toBe(toldBob.ip_address);
    expect(told.gateway_slug).not.toBe(toldBob.gateway_slug);
  });

  test('the platform is told the sums, which never become less', async () => {
    const { in: bytesIn, out } = await site.sums(alice);
    // What came in may be counted a moment before what it was answered with.
    await site.pulse.until('the newest sums in a heartbeat', () => {
      const sums = reported(alice);
      return sums !== undefined && sums.bytesOut >= out && sums.bytesIn >= bytesIn;
    });
    expect(reported(alice)?.gatewaySlug).toBe(toldAlice.gateway_slug);
    const rows = site.market.core.state.bandwidth.filter((row) => row.contract === alice.contract);
    const sums = rows.map((row) => row.bytesOut);
    expect(sums).toEqual([...sums].sort((one, other) => one - other));
  });

  test('without the agent a test machine gets ports and a name, and nothing of it is left', async () => {
    await site.host.stop();
    const dns = [...site.market.core.state.dns];
    const { code, stdout, stderr } = await site.dc('test-provision', '--test-gateway');
    expect(code, stdout + stderr).toBe(0);
    expect(stderr).toMatch(/what comes in there arrives at this machine/);
    expect(stderr).toMatch(new RegExp(`usable: ssh -p \\d+ root@${PUBLIC_IP}`));
    expect(stderr).toMatch(/the platform made the name/);
    expect(site.market.core.state.dns).toEqual(dns);
    const before = site.market.requests.length;
    const nameless = await site.dc('test-provision', '--test-gateway', '--skip-dns');
    expect(nameless.code, nameless.stdout + nameless.stderr).toBe(0);
    expect(nameless.stderr).toMatch(/what comes in there arrives at this machine/);
    expect(site.market.requests.slice(before).map(({ path }) => path)).toEqual([]);
    expect(await site.portsTo(toldAlice.ip_address)).toEqual(tenFrom(toldAlice.gateway_ssh_port));
  });

  async function reopened(lease: Lease): Promise<void> {
    const told = lease === alice ? toldAlice : toldBob;
    // There may be no table at all just now.
    const ports = async () => String(await site.portsTo(told.ip_address).catch(() => []));
    await site.pulse.until(
      'all ten ports',
      async () => (await ports()) === String(tenFrom(told.gateway_ssh_port)),
      ports,
    );
  }

  async function failing(): Promise<boolean> {
    const { out } = await site.host.dc('status', '--json');
    return out.includes('gateway.failing');
  }
});

function difference(after: Moved, before: Moved): Moved {
  return { in: after.in - before.in, out: after.out - before.out };
}

function tenFrom(first: number): number[] {
  return Array.from({ length: 10 }, (_, index) => first + index);
}
