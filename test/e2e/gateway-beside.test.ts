import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '../../src/gateway/port.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { type Helper, makeWorld, namespacesAvailable, type World } from './gateway-net-world.ts';
import { type Firewall, startDocker, startFirewalld } from './ground/firewalls.ts';
import { Pulse } from './ground/pulse.ts';

// Packages are installed for it, so it is for machines that are there for that.
const available =
  process.env['CI'] === 'true' ? namespacesAvailable() : 'only with CI=true, since it installs packages';
const why = available === true ? '' : ` (skipped: ${available})`;

const PUBLIC = '203.0.113.1';
const MAC = '02:00:00:00:00:11';
const LINKS = [
  'link add pub0 netns @pub type veth peer name wan netns @gw',
  `link add e0 netns @vm1 address ${MAC} type veth peer name v1 netns @gw`,
  '-n @gw link add br0 type bridge',
  '-n @gw link set v1 master br0',
  ...['v1', 'lo'].map((name) => `-n @gw link set ${name} up`),
  ...['gw br0 10.77.0.1/16', 'gw wan 203.0.113.1/24', 'pub pub0 203.0.113.9/24', 'vm1 e0 10.77.0.11/16'].flatMap(
    (line) => {
      const [place, name, address] = line.split(' ');
      return [`-n @${place} addr add ${address} dev ${name}`, `-n @${place} link set ${name} up`];
    },
  ),
  '-n @vm1 route add default via 10.77.0.1',
];
const SETTINGS = 'tenant_interfaces = ["br0"]\nport_range_start = 20000\nport_range_end = 29999\n';
const ROUTE: Route = {
  contract: '1'.padStart(64, '0') as ContractId,
  slug: 'slug01',
  firstPort: 20_010,
  portCount: 10,
  machine: { ipv4: '10.77.0.11', sshPort: 22, mac: MAC },
};

describe.skipIf(available !== true)(`the gateway beside another program's rules${why}`, () => {
  const pulse = new Pulse(60_000);
  let world: World;
  let helper: Helper;
  let other: Firewall | undefined;
  const gw = () => world.place('gw');
  const inwards = () => world.place('pub').order('ask', { host: PUBLIC, port: 20_015, text: 'hello' });
  const outwards = () => world.place('vm1').order('connect', { host: '203.0.113.9', port: 8080 });
  const rules = async (family: string, table: string) => stable(await gw().exec('nft', 'list', 'table', family, table));
  const findings = async () =>
    ((await helper.gateway('check')) as { code: string; level: string }[])
      .filter(({ level }) => level !== 'pass')
      .map(({ code }) => code);

  beforeAll(async () => {
    world = await makeWorld(LINKS, ['pub', 'gw', 'vm1']);
    await world.place('vm1').order('udp', { port: 10_005, word: 'vm1' });
    await world.place('pub').order('http', { port: 8080 });
    helper = await world.startHelper('dc_agent', SETTINGS);
    await helper.apply([ROUTE]);
  }, 120_000);
  afterEach(async () => {
    await other?.stop();
    other = undefined;
    await gw().exec('nft', 'flush', 'ruleset');
    await helper.apply([ROUTE]);
  }, 60_000);
  afterAll(() => world?.remove(), 60_000);

  test('works before anybody else has made any', async () => {
    expect(await inwards()).toBe('vm1 hello');
    expect(await outwards()).toBe('open');
    expect(await findings()).not.toContain('gateway.forward.policy');
  });

  test('Docker: it shuts machines off, doctor says so, and what the guide says lets them through', async () => {
    // It sets its policy only where it was Docker that switched forwarding on.
    await gw().exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    other = await startDocker(world.place('gw').name, join(world.home, 'docker'), pulse);
    await helper.apply([ROUTE]);
    const theirs = async () => [await rules('ip', 'filter'), await rules('ip', 'nat')];
    const before = await theirs();
    expect(await inwards()).toBe('silence');
    expect(await findings()).toContain('gateway.forward.policy');
    for (const way of ['-i', '-o'] as const)
      await gw().exec('iptables', '-I', 'DOCKER-USER', way, 'br0', '-j', 'ACCEPT');
    expect(await inwards()).toBe('vm1 hello');
    expect(await outwards()).toBe('open');
    expect(await findings()).not.toContain('gateway.forward.policy');
    for (const way of ['-i', '-o'] as const)
      await gw().exec('iptables', '-D', 'DOCKER-USER', way, 'br0', '-j', 'ACCEPT');
    // Made anew beside theirs, ours leave theirs alone.
    await gw().exec('nft', 'delete', 'table', 'inet', 'dc_agent');
    await helper.apply([ROUTE]);
    expect(await theirs()).toEqual(before);
  }, 120_000);

  test('firewalld: machines get out once their bridge is trusted, and its reload leaves our rules as they are', async () => {
    const firewalld = await startFirewalld(world.place('gw').name, join(world.home, 'firewalld'), pulse);
    other = firewalld;
    await helper.apply([ROUTE]);
    expect(await inwards()).toBe('vm1 hello');
    expect(await outwards()).toBe('EHOSTUNREACH');
    expect(await findings()).toContain('gateway.forward.policy');
    await firewalld.cmd('--permanent', '--zone=trusted', '--add-interface=br0');
    const ours = await rules('inet', 'dc_agent');
    await firewalld.cmd('--reload');
    expect(await rules('inet', 'dc_agent')).toBe(ours);
    expect(await inwards()).toBe('vm1 hello');
    expect(await outwards()).toBe('open');
    expect(await findings()).not.toContain('gateway.forward.policy');
    const theirs = await rules('inet', 'firewalld');
    await gw().exec('nft', 'delete', 'table', 'inet', 'dc_agent');
    await helper.apply([ROUTE]);
    expect(await rules('inet', 'firewalld')).toBe(theirs);
    expect(await inwards()).toBe('vm1 hello');
  }, 120_000);
});

/** Counters count on while one looks. */
function stable(listing: string): string {
  return listing.replaceAll(/packets \d+ bytes \d+/g, '').replaceAll(/expires \S+/g, '');
}
