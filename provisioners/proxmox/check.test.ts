import { afterEach, describe, expect, it } from 'vitest';
import { context } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import type { Finding } from '../../src/provisioner/index.ts';
import { openStage, QUICK, type Stage } from './fixtures.ts';

let stage: Stage;

afterEach(() => stage.close());

async function findings(settings: Record<string, unknown> = {}): Promise<Map<string, Finding>> {
  const found = await stage.open(stage.wire, settings).check(context());
  return new Map(found.map((finding) => [finding.code, finding]));
}

async function failures(settings: Record<string, unknown> = {}): Promise<string[]> {
  return [...(await findings(settings))].filter(([, { level }]) => level === 'fail').map(([code]) => code);
}

describe.each(['8.4', '9.1'] as const)('doctor on %s', (personality) => {
  it('finds nothing wrong with a target that works, and changes nothing', async () => {
    stage = openStage({ personality });
    const found = await findings();
    expect([...found.values()].filter(({ level }) => level === 'fail')).toEqual([]);
    for (const code of ['version', 'tls', 'nodes', 'storage', 'pool', 'template']) {
      expect(found.get(`proxmox.${code}.ok`)?.level, code).toBe('pass');
    }
    expect(stage.core.calls.every((call) => call.startsWith('GET'))).toBe(true);
  });

  it('names every right that is missing', async () => {
    stage = openStage({ personality });
    stage.core.cluster.roles.get(stage.role)?.delete('VM.Clone');
    stage.core.cluster.roles.get(stage.role)?.delete('SDN.Use');
    const found = [...(await stage.provisioner.check(context()))].filter(
      ({ code }) => code === 'proxmox.rights.missing',
    );
    expect(found.map(({ title }) => title)).toEqual([
      expect.stringContaining('VM.Clone on /pool/dc'),
      expect.stringContaining('SDN.Use on /sdn/zones/localnetwork'),
    ]);
  });
});

describe('doctor', () => {
  it('has one thing to say when nobody answers, or the token is refused', async () => {
    stage = openStage();
    expect(await failures({ api_token_secret: '00000000-0000-0000-0000-000000000000' })).toEqual([
      'proxmox.token.refused',
    ]);
    stage.wire.fate = () => 'refused';
    expect(await failures()).toEqual(['proxmox.api.unreachable']);
  });

  it('shows how the certificate is believed', async () => {
    stage = openStage();
    expect((await findings({ verify_ssl: false })).get('proxmox.tls.unchecked')?.level).toBe('warn');
    expect(
      (await findings({ verify_ssl: false, fingerprint: 'ab'.repeat(32) })).get('proxmox.tls.ok')?.title,
    ).toContain('of no effect');
    expect((await findings({ api_url: 'http://127.0.0.1:8006' })).has('proxmox.tls.none')).toBe(true);
  });

  it('finds what is wrong with node, storage, pool and bridge', async () => {
    stage = openStage();
    expect(await failures({ node: 'pv' })).toContain('proxmox.node.missing');
    expect(await failures({ storage: 'local-zfs' })).toContain('proxmox.storage.missing');
    expect(await failures({ pool: 'tenants' })).toContain('proxmox.pool.missing');
    expect(await failures({ bridge: 'vmbr9' })).toContain('proxmox.bridge.missing');
    expect((await findings({ bridge: 'vmbr0' })).get('proxmox.bridge.ok')?.level).toBe('pass');
  });

  it('finds what is wrong with a template', async () => {
    stage = openStage({ timings: { ...QUICK, statdMs: 0 } });
    expect(await failures({ templates: [101, 'debian'] })).toEqual(['proxmox.template.missing']);
    const template = stage.core.cluster.guests.get(9000);
    template?.config.delete('ide2');
    template?.config.delete('agent');
    expect((await findings()).get('proxmox.template.unfit')?.title).toContain('Template 9000 (debian-13)');
    expect(await failures()).toEqual(['proxmox.template.unfit']);
    if (template !== undefined) template.template = false;
    expect((await findings()).get('proxmox.template.missing')?.title).toBe('VM 9000 is not a template');
  });

  it('says whether machines are kept apart', async () => {
    stage = openStage();
    expect((await findings()).get('proxmox.firewall.unseen')?.level).toBe('skip');
    stage.grant('/', 'Sys.Audit');
    expect((await findings()).get('proxmox.firewall.off')?.level).toBe('warn');
    expect((await findings()).has('proxmox.network.flat')).toBe(true);
    expect((await findings({ vlan_tag: 5 })).has('proxmox.network.flat')).toBe(false);
    stage.core.cluster.firewall.enable = true;
    expect((await findings()).get('proxmox.firewall.ok')?.level).toBe('pass');
    expect((await findings({ firewall: false })).get('proxmox.firewall.unused')?.level).toBe('warn');
  });

  it('counts the addresses that are left, and strangers in the range of VMIDs', async () => {
    stage = openStage({ settings: { address: { cidr: '10.9.0.0/29' } } });
    expect((await findings()).get('proxmox.address.ok')?.title).toBe('5 addresses are free');
    for (let index = 0; index < 3; index++) {
      const order = stage.order();
      await stage.provisioner.create(order, operation(order.stamp));
    }
    expect((await findings()).get('proxmox.address.few')?.title).toContain('2 addresses');
    stage.addStranger();
    expect((await findings()).get('proxmox.vmid.clash')?.level).toBe('warn');
  });

  it('says that a node is down', async () => {
    stage = openStage({ nodes: ['a', 'b'], settings: { node: 'a' } });
    await stage.core.admin.nodeDown('b');
    expect((await findings()).get('proxmox.node.down')).toMatchObject({ level: 'warn', title: /'b'/ });
    expect((await findings({ nodes: 'all' })).get('proxmox.node.down')?.level).toBe('fail');
  });
});
