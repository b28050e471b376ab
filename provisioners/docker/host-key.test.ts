import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sshKeyPair } from '../../src/guest/index.ts';
import { again, operation } from '../../src/provisioner/conformance/operations.ts';
import { buildImage, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const key = makeKey();
const hostKey = sshKeyPair(new Uint8Array(32).fill(9));

describe.skipIf(noEngine)(`a container’s SSH host key${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(async () => {
    await buildImage();
    target = await openTarget();
  }, 300_000);
  afterAll(() => target?.cleanup());

  test('is the one that was ordered, from the first connection on and after every start, and nothing else tells it', async () => {
    const order = target.order({ sshKey: key.publicKey, hostKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    expect(machine.hostKey).toBe(hostKey.publicKey);
    const first = await login(
      machine,
      key.privateKey,
      'ls /var/lib/dc-agent; stat -c %a /etc/ssh/ssh_host_ed25519_key',
    );
    expect(`ssh-ed25519 ${first.hostKey}`).toBe(hostKey.publicKey);
    expect(first.output).toBe('host-key.pub\n600\n');
    await tellEngine('POST', `/containers/${order.name}/restart?t=0`);
    const second = await login(machine, key.privateKey, 'true');
    expect(second.hostKey).toBe(first.hostKey);
    const found = await target.provisioner.create(order, again(operation(order.stamp)));
    expect(found.hostKey).toBe(hostKey.publicKey);
  });

  test('is not told where nobody ordered one', async () => {
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    expect(machine.hostKey).toBeUndefined();
  });

  test('is the ordered one also where our start replaces the image’s', async () => {
    const own = await openTarget({ settings: { start_sshd: 'always' } });
    try {
      const order = own.order({ sshKey: key.publicKey, hostKey });
      const machine = await own.provisioner.create(order, operation(order.stamp));
      expect(machine.hostKey).toBe(hostKey.publicKey);
      const { hostKey: shown, output } = await login(machine, key.privateKey, 'ls /etc/ssh /var/lib/dc-agent');
      expect(`ssh-ed25519 ${shown}`).toBe(hostKey.publicKey);
      expect(output.match(/^(ssh_host_\w+_key|host-key)$/gm)).toEqual(['ssh_host_ed25519_key']);
    } finally {
      await own.cleanup();
    }
  });
});
