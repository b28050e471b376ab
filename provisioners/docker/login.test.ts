import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { buildImage, lookUp, noEngine, TEST_IMAGE, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey, strangerKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

describe.skipIf(noEngine)(`logging in to a machine${whySkipped}`, () => {
  let target: TestTarget;
  const images: string[] = [];
  beforeAll(buildImage, 300_000);
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(async () => {
    await target.cleanup();
    for (const image of images.splice(0)) await tellEngine('DELETE', `/images/${image}`);
  });

  test('works with the key of the order and with no other', async () => {
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const { output } = await login(machine, key.privateKey, 'id -un; hostname');
    expect(output).toBe(`root\n${order.name}\n`);
    await expect(login(machine, strangerKey(), 'true')).rejects.toThrow(/authentication methods failed/);
  });

  test('finds the same port, host key, tenant key and files after stop and start', async () => {
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const before = await login(machine, key.privateKey, 'echo kept > /root/file; sync');
    await target.provisioner.stop(refOf(machine), operation(order.stamp));
    await expect(target.provisioner.observe(refOf(machine), context())).resolves.toMatchObject({
      state: 'present',
      instance: { power: 'stopped', ssh: machine.ssh },
    });
    const started = await target.provisioner.start(refOf(machine), operation(order.stamp));
    expect(started.ssh).toEqual(machine.ssh);
    const after = await login(started, key.privateKey, 'cat /root/file');
    expect(after).toEqual({ output: 'kept\n', hostKey: before.hostKey });
  });

  test('meets a host key of its own on every machine, a key that the tenant changed survives a restart', async () => {
    const key = makeKey();
    const other = makeKey();
    const hostKeys = await Promise.all(
      [1, 2].map(async () => {
        const order = target.order({ sshKey: key.publicKey });
        const machine = await target.provisioner.create(order, operation(order.stamp));
        const replace = `echo '${other.publicKey}' > /root/.ssh/authorized_keys`;
        const { hostKey } = await login(machine, key.privateKey, replace);
        await target.provisioner.stop(refOf(machine), operation(order.stamp));
        const started = await target.provisioner.start(refOf(machine), operation(order.stamp));
        await expect(login(started, key.privateKey, 'true')).rejects.toThrow(/authentication methods failed/);
        await login(started, other.privateKey, 'true');
        return hostKey;
      }),
    );
    expect(new Set(hostKeys).size).toBe(2);
  });

  // What people put into Dockerfiles for SSH machines, and whether the plugin starts sshd in place of it.
  test.each([
    ['is a bare sshd without host keys', { Cmd: ['/usr/sbin/sshd', '-D'] }, true],
    ['has sshd as its entrypoint', { Entrypoint: ['/usr/sbin/sshd', '-D', '-e'] }, true],
    ['starts a shell', { Cmd: ['bash'] }, true],
    ['says nothing', {}, true],
    ['would run as another user', { Cmd: ['/bin/bash', '-l'], User: 'nobody' }, true],
    ['starts sshd by a script', { Entrypoint: ['/usr/local/sbin/dc-agent-ssh'] }, false],
    ['starts sshd in a shell line', { Cmd: ['/bin/sh', '-c', 'ssh-keygen -A && exec /usr/sbin/sshd -D'] }, false],
  ])('works where the image %s', async (_, config, replaced) => {
    const image = `${target.network}:image`;
    images.push(image);
    await deriveImage(image, config);
    const provisioner = await target.reopen({ allowed_images: [image] });
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey, settings: { image } });
    const machine = await provisioner.create(order, operation(order.stamp));
    const { output } = await login(machine, key.privateKey, 'id -un');
    expect(output).toBe('root\n');
    const entrypoint = (await lookUp(machine.externalId))?.Config['Entrypoint'];
    expect(JSON.stringify(entrypoint ?? null).includes('dc-agent-start-sshd')).toBe(replaced);
  });
});

/** The default image's files with another start command, as an image of somebody else's would have. */
async function deriveImage(name: string, config: object): Promise<void> {
  const { Id } = JSON.parse(await tellEngine('POST', '/containers/create', { Image: TEST_IMAGE })) as { Id: string };
  const [repo, tag] = name.split(':');
  await tellEngine('POST', `/commit?container=${Id}&repo=${repo}&tag=${tag}`, {
    Entrypoint: [],
    Cmd: [],
    Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    ...config,
  });
  await tellEngine('DELETE', `/containers/${Id}?force=1`);
}
