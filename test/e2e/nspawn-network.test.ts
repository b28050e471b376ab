import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { AGENT } from '../../provisioners/script/fixtures.ts';
import { scriptPlugin, scriptSettings } from '../../provisioners/script/index.ts';
import { machineTool } from '../../simulators/proxmox/guests/machine-tool.ts';
import type { AgentDeps } from '../../src/agent/deps.ts';
import { hostKeyOf } from '../../src/agent/machine-keys.ts';
import { machineOrder } from '../../src/agent/target.ts';
import { networkConfig, sshFingerprint, sshKeyBlob, systemGuest, waitUntilReady } from '../../src/guest/index.ts';
import { admission, NOW, ORDER, toldAt } from '../../src/lifecycle/fixtures.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { CLOUD_INIT_STATUS, cloudInitState } from '../../src/provisioner/cloud-init.ts';
import { freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { Provisioner } from '../../src/provisioner/contract.ts';
import { makeKey } from './ground/login.ts';
import { buildMachineRoot, MACHINE_SCRIPT, machinesAvailable } from './ground/machine.ts';

const available = await machinesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

/** Of a provider whose machines have cloud-init and no DHCP: the order's documents become the machine's seed. */
const PROVISION = (home: string): string => `#!${process.execPath}
const { execFileSync } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { operation_id: id, contract_id, address, cloud_init: documents } = JSON.parse(readFileSync(0, 'utf8'));
const seed = '${home}/seed';
mkdirSync(seed, { recursive: true, mode: 0o700 });
writeFileSync(seed + '/user-data', documents.user_data, { mode: 0o600 });
writeFileSync(seed + '/meta-data', 'instance-id: ' + id + '\\n');
writeFileSync(seed + '/network-config', documents.network_config);
const card = ['--mac', documents.mac_address, '--address', address.ipv4, '--gateway', address.gateway];
execFileSync('${MACHINE_SCRIPT}', ['up', '${home}/machine', '--seed', seed, '--owner', '${process.pid}', ...card]);
const instance = { external_id: id, contract_id, ip_address: address.ipv4, mac_address: documents.mac_address };
console.log(JSON.stringify({ success: true, instance }));
`;

/** With a distribution that uses it. */
const RENDERERS = [
  ['eni', 'debian'],
  ['netplan', 'ubuntu'],
  ['networkd', 'debian'],
  ['sysconfig', 'rhel'],
];

describe.skipIf(available !== true)(`a machine with a fixed network and a real cloud-init${why}`, () => {
  const tool = machineTool(MACHINE_SCRIPT);
  const tenant = makeKey('tenant').publicKey.split(' ', 2).join(' ');
  const record = {
    ...toldAt(NOW, admission({ ...ORDER, sshKey: tenant })),
    operation: freshOperation(),
    route: { slug: 'abc123', firstPort: 20_000, portCount: 10, ipv4: '198.51.100.17' },
  };
  const secret = systemRandom.bytes(32);
  const deps = {
    agent: AGENT,
    vault: { seal: (text: string) => text, open: (text: string) => text, derive: () => secret },
    gateway: { network: '198.51.100.0/24' } as NonNullable<AgentDeps['gateway']>,
  };
  let home: string;
  let provisioner: Provisioner;

  beforeAll(async () => {
    await buildMachineRoot();
    home = await mkdtemp(join(tmpdir(), 'dc-network-'));
    const script = join(home, 'provision');
    await writeFile(script, PROVISION(home), { mode: 0o755 });
    const settings = { static_addresses: true, cloud_init: true, nameservers: ['192.0.2.53', '2001:db8::53'] };
    provisioner = await scriptPlugin.open(
      scriptSettings.parse({ provision: script, terminate: script, health_check: script, ...settings }),
      { agent: AGENT, target: 'rack', clock: systemClock, random: systemRandom, log: silentLog },
    );
  }, 400_000);
  afterAll(async () => {
    await tool.down(join(home, 'machine'), 'remove');
    await rm(home, { recursive: true, force: true });
  });

  test('has the address that the agent chose, its way out and its nameservers, and the tenant’s key opens it', async () => {
    const order = machineOrder(record, deps, provisioner.capabilities);
    const instance = await provisioner.create(order, operation(order.stamp));
    expect(instance).toMatchObject({ ipv4: '198.51.100.17', mac: order.network?.mac });
    const expectHostKey = sshFingerprint(sshKeyBlob(hostKeyOf(deps.vault, record).publicKey));
    const door = { host: '198.51.100.17', port: 22, user: 'root', sshKey: tenant, expectHostKey, timeoutMs: 5_000 };
    const { signal } = new AbortController();
    const ready = await waitUntilReady({
      probe: (inner) => systemGuest.probeSsh(door, inner),
      clock: systemClock,
      random: systemRandom,
      deadlineMs: 60_000,
      signal,
    });
    expect(ready).toMatchObject({ state: 'ready', hostKey: expectHostKey });
    const told = await inside(
      'cloud-init status --wait; ip -4 -o address show eth0; ip route show default; cat /sys/class/net/eth0/address',
    );
    expect(told).toMatch(/status: done/);
    expect(cloudInitState(await inside(`cat ${CLOUD_INIT_STATUS}`))).toEqual({ state: 'done' });
    expect(told).toContain('inet 198.51.100.17/24');
    expect(told).toContain('default via 198.51.100.1 dev eth0');
    expect(told).toContain(order.network?.mac);
    expect(
      await inside('cat /etc/systemd/network/*cloud-init* /etc/network/interfaces.d/* /etc/netplan/* 2>/dev/null'),
    ).toContain('192.0.2.53');
  });

  test.each(RENDERERS)('the document says the same to cloud-init’s %s', async (renderer, distro) => {
    const document = networkConfig({
      mac: '02:10:20:30:40:50',
      addresses: [
        { address: '10.77.0.2', prefixLength: 16 },
        { address: '2001:db8::2', prefixLength: 64 },
      ],
      gateways: ['10.77.0.1', '2001:db8::1'],
      nameservers: ['192.0.2.53', '2001:db8::53'],
    });
    expect(parse(document)).toHaveProperty('version', 2);
    await tool.exec(join(home, 'machine'), ['sh', '-c', 'cat >/root/network.yaml'], document);
    const options = `--network-data /root/network.yaml --kind yaml --distro ${distro}`;
    const written = await inside(
      `rm -rf /root/out; cloud-init devel net-convert ${options} --output-kind ${renderer} --directory /root/out >/dev/null && find /root/out -type f -exec cat {} +`,
    );
    for (const fact of ['02:10:20:30:40:50', '10.77.0.2', '2001:db8::2', '10.77.0.1', '2001:db8::1', '192.0.2.53'])
      expect(written).toContain(fact);
  });

  async function inside(line: string): Promise<string> {
    const { stdout, stderr } = await tool.exec(join(home, 'machine'), ['sh', '-c', line]);
    return stdout + stderr;
  }
});
