import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import type { ExternalId } from '../../src/provisioner/index.ts';
import { LABEL, stampLabels } from './stamp.ts';
import {
  askEngine,
  buildImage,
  lookUp,
  makeContainer,
  noEngine,
  TEST_IMAGE,
  TEST_LABEL,
  whySkipped,
} from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

describe.skipIf(noEngine)(`strangers and limits${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(buildImage, 300_000);
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(() => target.cleanup());

  test('a foreign container named dc-01 survives everything', async () => {
    const { provisioner } = target;
    const name = await addDc01(target);
    const stranger = await lookUp(name);
    const order = target.order({ name });
    const op = operation(order.stamp);
    const ref = { stamp: order.stamp, externalId: stranger?.Id as ExternalId, handles: {} };
    await expect(provisioner.create(order, op)).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(provisioner.destroy(ref, op)).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(provisioner.stop(ref, op)).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(provisioner.start(ref, op)).rejects.toMatchObject({ kind: 'not-ours' });
    await expect(provisioner.observe(ref, context())).rejects.toMatchObject({ kind: 'not-ours' });
    await provisioner.destroy({ stamp: order.stamp, handles: {} }, op);
    const { instances } = await provisioner.list(context());
    expect(instances).toEqual([]);
    expect(await lookUp(name)).toEqual(stranger);
  });

  test("another agent's machine is no concern of ours, even for the same contract and operation", async () => {
    const { provisioner } = target;
    const order = target.order();
    const other = { ...order.stamp, agent: 'f'.repeat(64) as typeof order.stamp.agent };
    const id = await makeContainer(undefined, {
      Image: TEST_IMAGE,
      Labels: { ...stampLabels(other), [TEST_LABEL]: target.agent },
    });
    const ref = { stamp: order.stamp, externalId: id as ExternalId, handles: {} };
    expect((await provisioner.list(context())).instances).toEqual([]);
    await expect(provisioner.destroy(ref, operation(order.stamp))).rejects.toMatchObject({ kind: 'not-ours' });
    await provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
    expect(await lookUp(id)).toBeDefined();
  });

  test.each([
    ['the beginning of an id', (id: string) => id.slice(0, 12)],
    ['a name', () => 'dc-01'],
    ['a number of another backend', () => '101'],
    ['a path', () => '../images/json'],
  ])('an external id that is %s is never sent to the engine', async (_, make) => {
    const { provisioner, proxy } = target;
    const order = target.order();
    const machine = await provisioner.create(order, operation(order.stamp));
    const before = proxy.calls.length;
    const ref = { ...refOf(machine), externalId: make(machine.externalId) as ExternalId };
    await expect(provisioner.destroy(ref, operation(order.stamp))).rejects.toMatchObject({ kind: 'not-ours' });
    expect(proxy.calls.length).toBe(before);
    expect(await target.count(order.stamp)).toBe(1);
  });

  test('a machine is limited and locked in, and what cannot be limited is said', async () => {
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey, cpuCores: 1.5, memoryMb: 128, storageGb: 3 });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const real = await lookUp(machine.externalId);
    expect(real?.HostConfig).toMatchObject({
      NanoCpus: 1_500_000_000,
      Memory: 128 * 1024 * 1024,
      MemorySwap: 128 * 1024 * 1024,
      PidsLimit: 512,
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      NetworkMode: target.network,
      PortBindings: { '22/tcp': [{ HostIp: '127.0.0.1', HostPort: String(machine.ssh?.port) }] },
      Binds: null,
    });
    const { output } = await login(
      machine,
      key.privateKey,
      'grep -E "^(NoNewPrivs|CapBnd|Seccomp):" /proc/self/status',
    );
    // CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10, SYS_CHROOT 18, AUDIT_WRITE 29.
    expect(output.split('\n')).toEqual(['CapBnd:\t00000000200404fb', 'NoNewPrivs:\t1', 'Seccomp:\t2', '']);
    const { noDiskLimit } = target.provisioner.capabilities;
    const limited = JSON.stringify(real?.HostConfig['StorageOpt'] ?? null) === '{"size":"3G"}';
    expect(limited).toBe(noDiskLimit === undefined);
  });

  test('an order with a disk size is refused where the operator wants it enforced and the engine cannot', async ({
    skip,
  }) => {
    const provisioner = await target.reopen({ disk_limit: 'require' });
    if (provisioner.capabilities.noDiskLimit === undefined) skip('this engine can limit disks');
    const order = target.order({ storageGb: 3 });
    await expect(provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({ kind: 'config' });
    expect(await target.count(order.stamp)).toBe(0);
    const findings = await provisioner.check(context());
    expect(findings).toContainEqual(expect.objectContaining({ level: 'fail', code: 'docker.disk.unlimited' }));
  });

  test.each([
    ['an image that the provider did not allow', { settings: { image: 'evil:latest' } }, 'permanent'],
    ['an image name that leaves its path', { settings: { image: '../containers/json' } }, 'permanent'],
    ['an image that is no text', { settings: { image: { toString: 'x' } } }, 'permanent'],
    [
      'two keys in one',
      { sshKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAB\nssh-rsa AAAAB3NzaC1yc2EAAAADAQAB' },
      'permanent',
    ],
    ['a key with options', { sshKey: 'command="rm -rf /" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA' }, 'permanent'],
    ['a key with a shell in it', { sshKey: 'ssh-ed25519 $(reboot)AAAAC3NzaC1lZDI1NTE5AAAA' }, 'permanent'],
    ['more cores than any host has', { cpuCores: 4096 }, 'permanent'],
    ['too little memory to start', { memoryMb: 1 }, 'permanent'],
  ])('an order with %s is refused and nothing is made', async (_, wish, kind) => {
    const order = target.order(wish);
    await expect(target.provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({ kind });
    expect(await target.count(order.stamp)).toBe(0);
  });

  test('an image that is nowhere is a matter for the operator', async () => {
    const provisioner = await target.reopen({ default_image: 'dc-agent-test-missing:latest' });
    const order = target.order();
    await expect(provisioner.create(order, operation(order.stamp))).rejects.toMatchObject({ kind: 'config' });
    expect(await target.count(order.stamp)).toBe(0);
    const findings = await provisioner.check(context());
    expect(findings).toContainEqual(expect.objectContaining({ level: 'fail', code: 'docker.image.missing' }));
  });

  test('a damaged stamp makes the list incomplete, never shorter', async () => {
    const order = target.order();
    await makeContainer(undefined, {
      Image: TEST_IMAGE,
      Labels: { ...stampLabels(order.stamp), [LABEL.contract]: 'no contract' },
    });
    expect(await target.provisioner.list(context())).toEqual({ complete: false, instances: [] });
  });
});

/** Names are unique on an engine: where somebody else has one of that name just now, a similar one does. */
async function addDc01(target: TestTarget): Promise<string> {
  const body = { Image: TEST_IMAGE, Labels: { [TEST_LABEL]: target.agent } };
  const { status } = await askEngine('POST', '/containers/create?name=dc-01', body);
  if (status === 201) return 'dc-01';
  const name = `dc-01-${target.agent.slice(0, 8)}`;
  await makeContainer(name, body);
  return name;
}
