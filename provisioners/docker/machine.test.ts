import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import type { AgentId, MachineOrder } from '../../src/provisioner/index.ts';
import { containerBody, firstFiles, type MachinePlan, orderedImage, startsSshd, tenantKey } from './machine.ts';
import { dockerSettings } from './schema.ts';

const agent = 'a'.repeat(64) as AgentId;
const settings = dockerSettings.parse({ allowed_images: ['debian-ssh:12'] });
const plan: MachinePlan = {
  image: 'dc-agent-ssh:latest',
  cpuCores: 2,
  memoryMb: 512,
  network: 'dc-agent',
  hostPort: 42_001,
  user: 'root',
  startSshd: false,
};

describe("the tenant's key", () => {
  test('is taken as it is', () => {
    const order = sampleOrder(agent);
    expect(tenantKey(order)).toBe(order.sshKey);
  });

  test('never brings a second line, an option or a comment with it', () => {
    const orders = fc.oneof(
      fc.string(),
      fc.string().map((tail) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAB${tail}`),
    );
    fc.assert(
      fc.property(orders, (sshKey) => {
        try {
          expect(tenantKey(sampleOrder(agent, { sshKey }))).toMatch(/^[^\s]+ [^\s]+$/);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'permanent' });
        }
      }),
    );
  });
});

describe('the image', () => {
  test.each<[unknown, string]>([
    [undefined, settings.default_image],
    [null, settings.default_image],
    ['debian-ssh:12', 'debian-ssh:12'],
  ])('%s is %s', (image, expected) => {
    expect(orderedImage(sampleOrder(agent, { settings: { image } }), settings)).toBe(expected);
  });

  test.each(['debian-ssh', 'debian-ssh:13', '', 7, ['debian-ssh:12']])('%s is refused', (image) => {
    const order = sampleOrder(agent, { settings: { image } });
    expect(() => orderedImage(order, settings)).toThrow(expect.objectContaining({ kind: 'permanent' }) as Error);
  });

  test.each<[string[] | null, string[] | null, boolean]>([
    [null, null, true],
    [[], [], true],
    [null, ['/usr/sbin/sshd', '-D'], true],
    [['/usr/sbin/sshd'], ['-D', '-e'], true],
    [null, ['bash'], true],
    [null, ['/bin/sh', '-l'], true],
    [null, ['/bin/sh', '-c', '/usr/sbin/sshd -D'], false],
    [['/entrypoint.sh'], ['/usr/sbin/sshd', '-D'], false],
    [['/usr/bin/tini', '--'], ['/start'], false],
    [['/lib/systemd/systemd'], null, false],
  ])('with entrypoint %j and command %j has its start replaced: %s', (Entrypoint, Cmd, replaced) => {
    const image = { Config: { Entrypoint, Cmd } };
    expect(startsSshd('auto', image)).toBe(replaced);
    expect(startsSshd('always', image)).toBe(true);
    expect(startsSshd('never', image)).toBe(false);
  });
});

describe('the container', () => {
  const body = (order: MachineOrder, changes: Partial<MachinePlan> = {}, more: object = {}) =>
    containerBody(order, { ...plan, ...changes }, { ...settings, ...more }) as Record<string, never>;

  test('takes nothing from the order but what was sold', () => {
    const evil = { Privileged: true, Binds: ['/:/host'], privileged: true, network: 'host', volumes: ['/:/host'] };
    const order = sampleOrder(agent);
    expect(body({ ...order, settings: evil, postProvisionScript: 'reboot' })).toEqual(body(order));
  });

  test('has a disk size, a runtime and a start of our own only where they are wanted', () => {
    const order = sampleOrder(agent);
    const plain = body(order);
    expect(Object.keys(plain)).not.toContain('Entrypoint');
    expect(Object.keys(plain['HostConfig'] ?? {})).not.toContain('StorageOpt');
    expect(Object.keys(plain['HostConfig'] ?? {})).not.toContain('Runtime');
    const full = body(order, { startSshd: true, storageGb: 20 }, { runtime: 'runsc', ssh_port: 2222 });
    expect(full).toMatchObject({
      Cmd: ['2222'],
      User: '0',
      ExposedPorts: { '2222/tcp': {} },
      HostConfig: { StorageOpt: { size: '20G' }, Runtime: 'runsc' },
    });
  });

  test('gets its first files with owner and rights that sshd insists on', () => {
    const order = sampleOrder(agent);
    const names = (archive: Uint8Array) =>
      Buffer.from(archive)
        .toString('latin1')
        .match(/(?:root|usr)\/[\w./-]+/g);
    const root = { home: '/root', owner: { uid: 0, gid: 0 } };
    expect(names(firstFiles(order, { startSshd: false, takesHostKey: true }, root))).toEqual([
      'root/.ssh/',
      'root/.ssh/authorized_keys',
    ]);
    expect(names(firstFiles(order, { startSshd: true, takesHostKey: true }, root))?.[2]).toBe(
      'usr/local/sbin/dc-agent-start-sshd',
    );
  });
});
