import { connect } from 'node:net';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '../../src/gateway/port.ts';
import { sshFingerprint, sshKeyBlob } from '../../src/guest/index.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { type Helper, makeWorld, namespacesAvailable, type World } from './gateway-net-world.ts';

const available = namespacesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

const PUBLIC = '203.0.113.1';
const MAC = { vm1: '02:00:00:00:00:11', vm2: '02:00:00:00:00:12' };

/** A client outside, the provider's host, two tenants' machines on its bridge, and another computer in the provider's house. */
const LINKS = [
  'link add pub0 netns @pub type veth peer name wan netns @gw',
  'link add lan0 netns @lan type veth peer name lan netns @gw',
  `link add e0 netns @vm1 address ${MAC.vm1} type veth peer name v1 netns @gw`,
  `link add e0 netns @vm2 address ${MAC.vm2} type veth peer name v2 netns @gw`,
  '-n @gw link add br0 type bridge',
  ...['v1', 'v2'].flatMap((name) => [`-n @gw link set ${name} master br0`, `-n @gw link set ${name} up`]),
  ...['br0 10.77.0.1/16', 'wan 203.0.113.1/24', 'lan 192.168.5.1/24'].flatMap((line) => {
    const [name, address] = line.split(' ');
    return [`-n @gw addr add ${address} dev ${name}`, `-n @gw link set ${name} up`];
  }),
  ...['pub pub0 203.0.113.9/24', 'lan lan0 192.168.5.10/24', 'vm1 e0 10.77.0.11/16', 'vm2 e0 10.77.0.12/16'].flatMap(
    (line) => {
      const [place, name, address] = line.split(' ');
      return [
        `-n @${place} addr add ${address} dev ${name}`,
        `-n @${place} link set ${name} up`,
        `-n @${place} link set lo up`,
      ];
    },
  ),
  '-n @gw link set lo up',
  '-n @lan route add default via 192.168.5.1',
  '-n @vm1 route add default via 10.77.0.1',
  '-n @vm2 route add default via 10.77.0.1',
  // IPv6 by routes alone; addresses are used at once, without looking for others that have them.
  '-n @pub addr add 2001:db8:1::9/64 dev pub0 nodad',
  '-n @gw addr add 2001:db8:1::1/64 dev wan nodad',
  '-n @gw addr add 2001:db8:77::1/64 dev br0 nodad',
  '-n @vm1 addr add 2001:db8:77::11/64 dev e0 nodad',
  '-n @vm2 addr add 2001:db8:77::12/64 dev e0 nodad',
  '-n @pub route add 2001:db8:77::/64 via 2001:db8:1::1',
  '-n @vm1 route add default via 2001:db8:77::1',
  '-n @vm2 route add default via 2001:db8:77::1',
];

const SETTINGS = 'tenant_interfaces = ["br0"]\nport_range_start = 20000\nport_range_end = 29999\n';

const contract = (n: number): ContractId => n.toString(16).padStart(64, '0') as ContractId;

function hostKey() {
  const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519');
  return { privateKey, fingerprint: sshFingerprint(sshKeyBlob(publicKey.split(' ').slice(0, 2).join(' '))) };
}

describe.skipIf(available !== true)(`the gateway in network namespaces${why}`, () => {
  let world: World;
  let helper: Helper;
  const keys = { vm1: hostKey(), vm2: hostKey() };
  const route = (n: 1 | 2, change: Partial<Route['machine']> = {}): Route => ({
    contract: contract(n),
    slug: `slug0${n}`,
    firstPort: 20_000 + n * 10,
    portCount: 10,
    machine: { ipv4: `10.77.0.1${n}`, sshPort: 22, mac: MAC[`vm${n}`], hostKey: keys[`vm${n}`].fingerprint, ...change },
  });
  const both = [route(1), route(2)];
  const nft = (...words: string[]) => world.place('gw').exec('nft', ...words);
  const from = (place: string, host: string, port: number, source?: string) =>
    world.place(place).order('connect', { host, port, ...(source === undefined ? {} : { from: source }) });
  const ask = (place: string, host: string, port: number, source?: string) =>
    world.place(place).order('ask', { host, port, text: 'hello', ...(source === undefined ? {} : { from: source }) });

  beforeAll(async () => {
    world = await makeWorld(LINKS, ['pub', 'gw', 'vm1', 'vm2', 'lan']);
    for (const name of ['vm1', 'vm2'] as const) {
      await world.place(name).order('ssh', { port: 22, privateKey: keys[name].privateKey });
      for (const port of [80, 10_001]) await world.place(name).order('http', { port });
      await world.place(name).order('udp', { port: 10_005, word: name });
    }
    for (const name of ['pub', 'lan', 'gw']) {
      await world.place(name).order('http', { port: 8080 });
      await world.place(name).order('http', { port: 25 });
      await world.place(name).order('udp', { port: 53, word: name });
    }
    helper = await world.startHelper('dc_agent', SETTINGS);
  }, 120_000);
  afterAll(() => world?.remove(), 60_000);

  test('before the agent has said anything, the helper has shut tenants off from everything', async () => {
    expect(await nft('list', 'tables')).toContain('table inet dc_agent');
    expect(await from('vm1', '203.0.113.9', 8080)).toBe('silence');
    expect(await from('pub', PUBLIC, 20_010)).toBe('ECONNREFUSED');
  });

  test('routes lead from the public ports to SSH, TCP and UDP of their machine and no other', async () => {
    expect(await helper.apply(both)).toEqual({ repaired: expect.anything(), refused: {} });
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    expect(await world.place('pub').order('download', { host: PUBLIC, port: 20_011, bytes: 0 })).toContain(
      '203.0.113.9',
    );
    expect(await ask('pub', PUBLIC, 20_015)).toBe('vm1 hello');
    expect(await ask('pub', PUBLIC, 20_025)).toBe('vm2 hello');
    // TCP and UDP are apart, and what is not listed is shut.
    expect(await from('pub', PUBLIC, 20_015)).toBe('ECONNREFUSED');
    expect(await from('pub', PUBLIC, 20_030)).toBe('ECONNREFUSED');
  });

  test('the helper is nobody, and can do nothing but change the network', async () => {
    const status = await world.place('gw').exec('cat', `/proc/${helper.pid}/status`);
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    // Bit 12 is CAP_NET_ADMIN.
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect(status).toMatch(new RegExp(`^${set}:\t0000000000001000$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test('nobody but its group may ask it', async () => {
    const knock = `require('net').connect(${JSON.stringify(helper.settings.helperSocket)}).on('connect',()=>console.log('in')).on('error',(e)=>console.log(e.code)).on('connect',()=>process.exit())`;
    const as = (user: string) =>
      world
        .place('gw')
        .exec('setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', process.execPath, '-e', knock);
    expect(await as('65533')).toBe('EACCES\n');
    expect(await as('65534')).toBe('in\n');
  });

  test('a proof holds for the right machine only', async () => {
    expect(await helper.gateway('prove', route(1))).toEqual({ ok: true });
    expect(await helper.gateway('prove', route(1, { hostKey: keys.vm2.fingerprint }))).toEqual({
      ok: false,
      stranger: true,
      why: `the SSH host key at ${PUBLIC}:20010 is not the machine's`,
    });
    const elsewhere = { ...route(2), firstPort: 20_010 };
    expect(await helper.gateway('prove', elsewhere)).toEqual({
      ok: false,
      stranger: true,
      why: `who answers at ${PUBLIC}:20010 is not the machine at 10.77.0.12:22`,
    });
    expect(await helper.gateway('prove', { ...route(1), firstPort: 20_011 })).toMatchObject({ ok: false });
    expect(await helper.gateway('prove', { ...route(1), firstPort: 20_090 })).toEqual({
      ok: false,
      why: `no SSH answer at ${PUBLIC}:20090: the connection was refused`,
    });
  });

  test.each([
    ['routed packets alone pass the rules', '0'],
    ['bridged packets pass them too, as beside pve-firewall and Docker', '1'],
  ])('tenants reach each other by the public address only, where %s', async (_, bridged) => {
    const set = `file=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $file ] || { echo ${bridged} > $file; cat $file; }`;
    const onBridges = (await world.place('gw').exec('sh', '-c', set)).trim() === '1';
    const [direct, udp, hairpin, own] = await Promise.all([
      from('vm1', '10.77.0.12', 22),
      ask('vm1', '10.77.0.12', 10_005),
      world.place('vm1').order('download', { host: PUBLIC, port: 20_021, bytes: 0 }),
      ask('vm1', PUBLIC, 20_015),
    ]);
    expect([direct, udp]).toEqual(['silence', 'silence']);
    // The neighbour sees the host, not the address of who asks.
    expect(hairpin).toBe('::ffff:10.77.0.1');
    // A bridge does not send a packet back to the port that it came from (docs/gateway.md).
    expect(own).toBe(onBridges ? 'silence' : 'vm1 hello');
  });

  test.each([
    ['sends by way of the host', ['route', 'replace', '10.77.0.12/32', 'via', '10.77.0.1']],
    ['knows the neighbour’s card', ['neigh', 'replace', '10.77.0.12', 'lladdr', MAC.vm2, 'dev', 'e0']],
    ['calls the neighbour its gateway', ['route', 'replace', '203.0.113.9/32', 'via', '10.77.0.12']],
  ])('not even when a tenant %s', async (_, command) => {
    // With the rules of bridges alone: what is routed is looked at by others as well.
    await world
      .place('gw')
      .exec('sh', '-c', 'file=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $file ] || echo 0 > $file');
    await world.place('vm1').exec('ip', ...command);
    const target = command.includes('203.0.113.9/32') ? '203.0.113.9' : '10.77.0.12';
    const text = `past the host: ${command.join(' ')}`;
    const asked = world.place('vm1').order('ask', { host: target, port: 10_005, text });
    expect(await Promise.all([from('vm1', target, 80), asked])).toEqual(['silence', 'silence']);
    expect(await world.place('vm2').order('heard', {})).not.toContain(text);
    await world.place('vm1').exec('ip', command[0] ?? '', 'del', ...command.slice(2));
  });

  test('a tenant reaches neither the host nor private networks, and is not reached from there', async () => {
    await world.place('lan').exec('ip', 'addr', 'add', '169.254.169.254/32', 'dev', 'lo');
    await world.place('gw').exec('ip', 'route', 'add', '169.254.169.254/32', 'via', '192.168.5.10');
    const silent = await Promise.all([
      from('vm1', '10.77.0.1', 8080),
      from('vm1', PUBLIC, 8080),
      from('vm1', '192.168.5.1', 8080),
      from('vm1', '192.168.5.10', 8080),
      from('vm1', '169.254.169.254', 8080),
      from('vm1', '203.0.113.9', 25),
      from('lan', '10.77.0.11', 80),
      from('pub', '10.77.0.11', 80),
    ]);
    expect(new Set(silent)).toEqual(new Set(['silence', 'ENETUNREACH']));
    expect(silent.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 'silence'));
    // What is listed, and the world.
    expect(await ask('vm1', '10.77.0.1', 53)).toBe('gw hello');
    expect(await from('vm1', '203.0.113.9', 8080)).toBe('open');
    expect(await from('lan', PUBLIC, 20_010)).toBe('open');
  });

  test('a tenant cannot use the address of its neighbour, of the host, or of a stranger', async () => {
    const vm1 = world.place('vm1');
    for (const address of ['10.77.0.12', '10.77.0.99', '8.8.8.8']) {
      await vm1.exec('ip', 'addr', 'add', `${address}/32`, 'dev', 'e0');
    }
    const sources = ['10.77.0.12', '10.77.0.99', '8.8.8.8'];
    // What is heard there counts: an answer would go to whoever has the address.
    const forge = (host: string) =>
      sources.map((source) => vm1.order('ask', { host, port: 53, text: `forged ${source}`, from: source }));
    await Promise.all([...forge('203.0.113.9'), ...forge('10.77.0.1')]);
    expect(await ask('vm1', '203.0.113.9', 53)).toBe('pub hello');
    for (const place of ['pub', 'gw']) {
      const heard = (await world.place(place).order('heard', {})) as string[];
      expect(heard.filter((text) => text.startsWith('forged'))).toEqual([]);
      expect(heard).toContain('hello');
    }

    // It says by ARP that it is the gateway; the neighbour still finds the real one.
    await vm1.exec('ip', 'addr', 'add', '10.77.0.1/32', 'dev', 'e0');
    const vm2 = world.place('vm2');
    await vm2.exec('ip', 'neigh', 'flush', 'all');
    expect(await ask('vm2', '10.77.0.1', 53)).toBe('gw hello');
    const bridge = JSON.parse(await world.place('gw').exec('ip', '-j', 'link', 'show', 'br0'))[0].address;
    expect(await vm2.exec('ip', 'neigh', 'show', '10.77.0.1')).toContain(bridge);
    for (const address of [...sources, '10.77.0.1']) await vm1.exec('ip', 'addr', 'del', `${address}/32`, 'dev', 'e0');
  });

  test('bytes are counted for each contract and direction within 2 % of what was sent, those of a proxy on the host too', async () => {
    const count = async () => {
      const traffic = (await helper.gateway('traffic')) as { contract: string; bytesIn: number; bytesOut: number }[];
      const of = (n: number) => traffic.find((entry) => entry.contract === contract(n)) ?? { bytesIn: 0, bytesOut: 0 };
      return { one: of(1), two: of(2) };
    };
    const before = await count();
    const [down, up, proxied] = [6_000_000, 3_000_000, 2_000_000];
    expect(await world.place('pub').order('download', { host: PUBLIC, port: 20_011, bytes: down })).toBe(down);
    expect(await world.place('pub').order('upload', { host: PUBLIC, port: 20_011, bytes: up })).toBe(200);
    expect(await world.place('gw').order('download', { host: '10.77.0.11', port: 80, bytes: proxied })).toBe(proxied);
    // What it fetches from outside is its traffic as well.
    expect(await world.place('vm1').order('download', { host: '203.0.113.9', port: 8080, bytes: up })).toBe(up);
    const after = await count();
    const [sentOut, sentIn] = [after.one.bytesOut - before.one.bytesOut, after.one.bytesIn - before.one.bytesIn];
    expect(sentOut / (down + proxied)).toBeGreaterThan(1);
    expect(sentOut / (down + proxied)).toBeLessThan(1.02);
    expect(sentIn / (up + up)).toBeGreaterThan(1);
    expect(sentIn / (up + up)).toBeLessThan(1.02);
    expect(after.two).toEqual(before.two);
  });

  test('where everything is as it should be, nothing is changed', async () => {
    const before = await nft('-a', 'list', 'chains');
    expect(await helper.apply(both)).toEqual({ repaired: [], refused: {} });
    expect(await nft('-a', 'list', 'chains')).toBe(before);
  });

  test.each([
    [
      'an entry was taken away',
      ['delete', 'element', 'inet', 'dc_agent', 'open', '{ 10.77.0.11 . tcp . 20010 }'],
      '1 entries were missing',
    ],
    [
      'a port was opened by hand',
      ['add', 'element', 'inet', 'dc_agent', 'forwards', '{ 203.0.113.1 . tcp . 31000 : 10.77.0.11 }'],
      '1 entries did not belong there',
    ],
    [
      'a port was led elsewhere',
      ['delete', 'element', 'inet', 'dc_agent', 'ports', '{ tcp . 20010 }'],
      '1 entries were missing',
    ],
    [
      'a rule was put in front',
      ['insert', 'rule', 'inet', 'dc_agent', 'tenants', 'accept'],
      'chains, rules or sets were not as they should be',
    ],
    [
      'a chain was emptied',
      ['flush', 'chain', 'inet', 'dc_agent', 'tenants'],
      'chains, rules or sets were not as they should be',
    ],
    [
      'half of it is gone',
      ['delete', 'table', 'bridge', 'dc_agent'],
      'chains, rules or sets were not as they should be',
    ],
  ])('when %s, the next pass heals it, and what was counted stays', async (_, command, said) => {
    const bytes = async () =>
      ((await helper.gateway('traffic')) as { contract: string; bytesOut: number }[]).find(
        (entry) => entry.contract === contract(1),
      )?.bytesOut ?? 0;
    const before = await bytes();
    expect(before).toBeGreaterThan(1_000_000);
    await nft(...command);
    expect((await helper.apply(both)).repaired).toEqual([said]);
    expect(await bytes()).toBeGreaterThanOrEqual(before);
    expect((await helper.apply(both)).repaired).toEqual([]);
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
  });

  test('a flushed ruleset heals by the next pass, in a change of something else too', async () => {
    await nft('flush', 'ruleset');
    expect(await from('pub', PUBLIC, 20_010)).toBe('ECONNREFUSED');
    expect((await helper.apply(both)).repaired).toEqual(['the table was not there']);
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    await nft('flush', 'ruleset');
    expect((await helper.apply([route(1)])).repaired).toEqual(['the table was not there']);
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    expect(await from('pub', PUBLIC, 20_020)).toBe('ECONNREFUSED');
    await helper.apply(both);
  });

  test('while the helper is away ports stay open, and the agent is told; after a reboot it shuts, then heals', async () => {
    await helper.stop();
    await expect(helper.apply(both)).rejects.toThrow(
      /the network helper does not answer at .* see: systemctl status dc-agent-netd/,
    );
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    helper = await world.startHelper('dc_agent', SETTINGS);
    expect((await helper.apply(both)).repaired).toEqual([]);

    await helper.stop();
    await nft('flush', 'ruleset');
    helper = await world.startHelper('dc_agent', SETTINGS);
    expect(await from('vm1', '203.0.113.9', 8080)).toBe('silence');
    await helper.apply(both);
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    expect(await from('vm1', '203.0.113.9', 8080)).toBe('open');
  });

  test('an old connection never reaches the next machine at the address, however busy it is kept', async () => {
    const keep = (port: number) => world.place('pub').order('askAgain', { host: PUBLIC, port, text: 'still here' });
    expect(await keep(20_015)).toBe('vm1 still here');
    // Another contract's machine has the address now, and ports of its own.
    const next = { ...route(1), contract: contract(3), firstPort: 20_040 };
    await helper.apply([next, route(2)]);
    expect(await keep(20_015)).toBe('silence');
    expect(await ask('pub', PUBLIC, 20_045)).toBe('vm1 hello');
    await helper.apply(both);
  });

  test('what is outside the helper’s limits or in conflict is refused, and holds up nothing else', async () => {
    const other = (n: number, change: Partial<Route>, machine: Partial<Route['machine']> = {}): Route => ({
      contract: contract(n),
      slug: 'other0',
      firstPort: 20_100 + n * 10,
      portCount: 10,
      machine: { ipv4: `10.77.1.${n}`, sshPort: 22, ...machine },
      ...change,
    });
    const { refused } = await helper.apply([
      ...both,
      other(4, { firstPort: 22 }),
      other(5, { firstPort: 29_995 }),
      other(6, {}, { ipv4: '192.168.5.10' }),
      other(7, {}, { ipv4: '10.77.0.1' }),
      other(8, {}, { ipv4: 'elsewhere' }),
      // What a guest says of itself takes nothing away.
      other(11, {}, { ipv6: 'fe80::1%eth0' }),
      other(9, { firstPort: 20_305 }),
      other(10, { firstPort: 20_300 }),
    ]);
    expect(
      Object.keys(refused)
        .map((id) => Number.parseInt(id, 16))
        .sort((a, b) => a - b),
    ).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(await from('pub', PUBLIC, 20_010)).toBe('open');
    expect(await nft('list', 'map', 'inet', 'dc_agent', 'forwards')).not.toMatch(/192\.168|tcp \. 22 |2030\d/);
    await helper.apply(both);
  });

  test.each([
    ['no JSON', 'hello'],
    ['no request', '{"op":"run","command":"nft flush ruleset"}'],
    [
      'a name that would be a rule',
      JSON.stringify({
        op: 'apply',
        routes: [{ contract: '} accept ; #', firstPort: 20_000, portCount: 1, ipv4: '10.77.0.9', sshPort: 22 }],
      }),
    ],
    [
      'an address that would be more',
      JSON.stringify({ op: 'answered', localPort: 1, port: 1, ipv4: '1.2.3.4 }; flush ruleset' }),
    ],
    ['settings of its own', JSON.stringify({ op: 'apply', routes: [], settings: { portRangeStart: 1 } })],
    ['a line without an end', 'x'.repeat(17 * 1024 * 1024)],
    ['what is nested without an end', `{"op":"apply","routes":[${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}]}`],
  ])('the helper refuses %s with a clear word, and works on', async (_, line) => {
    expect(await say(helper.settings.helperSocket, line)).toMatchObject({
      ok: false,
      kind: 'config',
      message: expect.stringMatching(/request/),
    });
    expect((await helper.apply(both)).repaired).toEqual([]);
  });

  test('it lives beside the tables of others, leaves them alone, and says when one of them is in the way', async () => {
    for (const line of FOREIGN) await nft(line);
    const foreign = async () =>
      (
        await Promise.all(
          ['ip filter', 'ip nat', 'inet firewalld'].map((table) => nft('list', 'table', ...table.split(' '))),
        )
      ).join('');
    const before = await foreign();
    await nft('delete', 'table', 'inet', 'dc_agent');
    await helper.apply(both);
    expect(await foreign()).toBe(before);
    // A port that somebody else has published too is the contract's.
    expect(await ask('pub', PUBLIC, 20_015)).toBe('silence');
    const codes = async () =>
      ((await helper.gateway('check')) as { code: string; level: string }[])
        .filter(({ level }) => level !== 'pass')
        .map(({ code }) => code);
    expect(await codes()).toContain('gateway.forward.policy');
    // What the finding says to do.
    await nft('insert rule ip filter DOCKER-USER iifname br0 accept');
    await nft('insert rule ip filter DOCKER-USER oifname br0 accept');
    expect(await ask('pub', PUBLIC, 20_015)).toBe('vm1 hello');
    for (const table of ['ip filter', 'ip nat', 'inet firewalld']) await nft('delete', 'table', ...table.split(' '));
    expect(await codes()).not.toContain('gateway.forward.policy');
  });

  test('two agents on one host keep to themselves', async () => {
    const gw = world.place('gw');
    const theirs = await world.startHelper(
      'dc_agent_b',
      'tenant_network = "10.88.0.0/16"\nport_range_start = 30000\nport_range_end = 30999\n',
    );
    await gw.exec('ip', 'addr', 'add', '10.88.0.1/16', 'dev', 'lan');
    await world.place('lan').exec('ip', 'addr', 'add', '10.88.0.2/16', 'dev', 'lan0');
    const machine: Route = {
      contract: contract(50),
      slug: 'theirs',
      firstPort: 30_000,
      portCount: 10,
      machine: { ipv4: '10.88.0.2', sshPort: 8080 },
    };
    await theirs.apply([machine]);
    await nft('delete', 'table', 'inet', 'dc_agent');
    const before = await nft('list', 'table', 'inet', 'dc_agent_b');
    expect(await from('pub', PUBLIC, 30_000)).toBe('open');
    await helper.apply(both);
    expect(stable(await nft('list', 'table', 'inet', 'dc_agent_b'))).toBe(stable(before));
    expect([await from('pub', PUBLIC, 30_000), await from('pub', PUBLIC, 20_010)]).toEqual(['open', 'open']);
    // Neither can open the other's ports.
    expect((await helper.apply([...both, machine])).refused).not.toEqual({});
    await theirs.stop();
    await nft('delete', 'table', 'inet', 'dc_agent_b');
    await nft('delete', 'table', 'bridge', 'dc_agent_b');
  });

  test('200 machines: every one answers at its own port, and one that goes takes only its own ports along', async () => {
    const vm2 = world.place('vm2');
    const many = Array.from(
      { length: 200 },
      (_, i): Route => ({
        contract: contract(1000 + i),
        slug: 'many00',
        firstPort: 21_000 + i * 10,
        portCount: 10,
        machine: { ipv4: `10.77.2.${i + 2}`, sshPort: 80 },
      }),
    );
    for (const { machine } of many) await vm2.exec('ip', 'addr', 'add', `${machine.ipv4}/32`, 'dev', 'e0');
    expect((await helper.apply([...both, ...many])).refused).toEqual({});
    const reached = async () => Promise.all(many.map(({ firstPort }) => from('pub', PUBLIC, firstPort)));
    expect(new Set(await reached())).toEqual(new Set(['open']));
    await helper.apply([...both, ...many.filter((_, i) => i !== 77)]);
    expect((await reached()).flatMap((state, i) => (state === 'open' ? [] : [[i, state]]))).toEqual([
      [77, 'ECONNREFUSED'],
    ]);
    await helper.apply(both);
  });

  test('IPv6 goes through for machines that have it, and to the world alone', async () => {
    await helper.stop();
    helper = await world.startHelper('dc_agent', `${SETTINGS}tenant_network_v6 = "2001:db8:77::/64"\n`);
    const one = route(1, { ipv6: '2001:db8:77::11' });
    await helper.apply([one, route(2)]);
    const bytes = async () =>
      ((await helper.gateway('traffic')) as { contract: string; bytesOut: number }[]).find(
        (entry) => entry.contract === contract(1),
      )?.bytesOut ?? 0;
    const before = await bytes();
    const [inwards, outwards, host, neighbour, unlisted, unlistedOut] = await Promise.all([
      world.place('pub').order('download', { host: '2001:db8:77::11', port: 80, bytes: 1_000_000 }),
      from('vm1', '2001:db8:1::9', 8080),
      from('vm1', '2001:db8:77::1', 8080),
      from('vm1', '2001:db8:77::12', 80),
      from('pub', '2001:db8:77::12', 80),
      from('vm2', '2001:db8:1::9', 8080),
    ]);
    expect([inwards, outwards]).toEqual([1_000_000, 'open']);
    expect([host, neighbour, unlisted, unlistedOut]).toEqual(['silence', 'silence', 'silence', 'silence']);
    expect((await bytes()) - before).toBeGreaterThan(1_000_000);
    expect((await helper.apply([one, route(2)])).repaired).toEqual([]);
  });

  test('limits hold for each machine by itself', async () => {
    await helper.stop();
    const limits = 'new_connections_per_second = 2\nbandwidth_mbit = 100\n';
    const allowance = 'monthly_allowance_gb = 1\nallowance_action = "throttle"\nthrottle_mbit = 1\n';
    helper = await world.startHelper('dc_agent', SETTINGS + limits + allowance);
    await helper.apply(both);
    const states = await Promise.all(Array.from({ length: 40 }, () => ask('vm1', '203.0.113.9', 53)));
    expect(states.filter((state) => state === 'pub hello').length).toBeLessThan(20);
    expect(states).toContain('pub hello');
    expect(await ask('vm2', '203.0.113.9', 53)).toBe('pub hello');
    // The limit of speed slows down and breaks nothing.
    expect(await world.place('pub').order('download', { host: PUBLIC, port: 20_011, bytes: 3_000_000 })).toBe(
      3_000_000,
    );
    expect((await helper.apply(both)).repaired).toEqual([]);
  });

  test('a machine whose allowance is used up is slow at every port, its neighbours are not, and then it is no more', async () => {
    const text = 'x'.repeat(10_000);
    const batch = async (port: number) => {
      const asked = Array.from({ length: 5 }, () => world.place('pub').order('ask', { host: PUBLIC, port, text }));
      return (await Promise.all(asked)).filter((answer) => answer === 'silence').length;
    };
    /** 2 MB, of which a slow machine gets 150 kB at once, and then 125 kB in a second. */
    const loses = async (port: number) => {
      for (let n = 0; n < 40; n++) if ((await batch(port)) > 0) return true;
      return false;
    };
    /** Four times what a slow machine gets at once. A busy computer may be late for some of it. */
    const isFast = async (port: number) => {
      let lost = 0;
      for (let n = 0; n < 12; n++) lost += await batch(port);
      return lost <= 10;
    };
    const slow: Route = { ...route(1), pace: 'slow' };
    expect(await helper.apply([slow, route(2)])).toEqual({ repaired: [], refused: {} });
    expect(await loses(20_015)).toBe(true);
    expect(await isFast(20_025)).toBe(true);
    // It goes on all the same.
    expect(await world.place('pub').order('download', { host: PUBLIC, port: 20_011, bytes: 50_000 })).toBe(50_000);
    // The helper forgets nothing of it, and the table neither.
    await nft('flush', 'ruleset');
    await helper.apply([slow, route(2)]);
    expect(await loses(20_015)).toBe(true);
    await helper.apply(both);
    expect(await isFast(20_015)).toBe(true);
    expect((await helper.apply(both)).repaired).toEqual([]);
  });
});

/** As Docker's iptables and firewalld leave them: a policy that drops, translations of their own, and a later forward chain. */
const FOREIGN = [
  'add table ip filter',
  'add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }',
  'add chain ip filter DOCKER-USER',
  'add rule ip filter FORWARD counter jump DOCKER-USER',
  'add table ip nat',
  'add chain ip nat PREROUTING { type nat hook prerouting priority dstnat; policy accept; }',
  'add chain ip nat POSTROUTING { type nat hook postrouting priority srcnat; policy accept; }',
  'add rule ip nat PREROUTING udp dport 20015 counter dnat to 172.17.0.2:53',
  'add rule ip nat POSTROUTING ip saddr 172.17.0.0/16 counter masquerade',
  'add table inet firewalld',
  'add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; policy accept; }',
  'add rule inet firewalld filter_FORWARD ct state established,related accept',
];

/** Counters count on while one looks. */
function stable(listing: string): string {
  return listing.replaceAll(/packets \d+ bytes \d+/g, '').replaceAll(/expires \S+/g, '');
}

function say(path: string, line: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(JSON.parse(answer))));
    socket.on('close', () => resolve(answer === '' ? undefined : JSON.parse(answer)));
  });
}
