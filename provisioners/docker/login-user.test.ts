import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { type MachineOrder, Secret } from '../../src/provisioner/index.ts';
import { buildImage, noEngine, TEST_IMAGE, tellEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const IMAGE = `dc-agent-user-${process.pid}:1`;
const LABELLED = `dc-agent-user-${process.pid}:2`;
/** Without useradd, so that any image will do. */
const ADD_USER = `
  echo 'deploy:x:1234:1235::/home/deploy:/bin/sh' >>/etc/passwd
  echo 'deploy:*:19000:0:99999:7:::' >>/etc/shadow
  mkdir -p /home/deploy && chmod 755 /home /home/deploy && chown 1234:1235 /home/deploy`;

describe.skipIf(noEngine)(`the login user of a machine${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(async () => {
    await buildImage();
    const plain = await openTarget();
    const key = makeKey();
    const order = plain.order({ sshKey: key.publicKey });
    const machine = await plain.provisioner.create(order, operation(order.stamp));
    await login(machine, key.privateKey, ADD_USER);
    for (const [image, labels] of [
      [IMAGE, {}],
      [LABELLED, { 'dc-agent.ssh-user': 'deploy' }],
    ] as const) {
      const [repo, tag] = image.split(':');
      const { Config } = JSON.parse(await tellEngine('GET', `/images/${TEST_IMAGE}/json`)) as { Config: object };
      const config = { ...Config, Labels: labels };
      await tellEngine('POST', `/commit?container=${machine.externalId}&repo=${repo}&tag=${tag}`, config);
    }
    await plain.cleanup();
  }, 300_000);
  afterAll(async () => {
    for (const image of [IMAGE, LABELLED]) await tellEngine('DELETE', `/images/${image}`);
  });
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(() => target.cleanup());

  async function made(image: string, settings: object, more: Partial<MachineOrder> = {}) {
    const provisioner = await target.reopen({ allowed_images: [IMAGE, LABELLED], start_sshd: 'always', ...settings });
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey, settings: { image }, ...more });
    const machine = await provisioner.create(order, operation(order.stamp));
    return { provisioner, key, machine, op: operation(order.stamp) };
  }

  const WHO = 'id -un; stat -c "%a %u %g" ~/.ssh ~/.ssh/authorized_keys';

  test.each<[string, string, object, Partial<MachineOrder>]>([
    ['whom the image’s label names', LABELLED, {}, {}],
    ['whom the target names', IMAGE, { ssh_user: 'deploy' }, {}],
    ['whom the order names, before the target', IMAGE, { ssh_user: 'daemon' }, { user: 'deploy' }],
  ])('is %s', async (_, image, settings, more) => {
    const { provisioner, machine, key, op } = await made(image, settings, more);
    expect(machine.ssh?.user).toBe('deploy');
    const expected = 'deploy\n700 1234 1235\n600 1234 1235\n';
    expect((await login(machine, key.privateKey, WHO)).output).toBe(expected);
    const { instances } = (await provisioner.list?.(context())) ?? { instances: [] };
    expect(instances.find(({ externalId }) => externalId === machine.externalId)?.ssh?.user).toBe('deploy');
    const other = makeKey();
    await provisioner.setKeys?.(refOf(machine), [other.publicKey], op);
    expect((await login(machine, other.privateKey, WHO)).output).toBe(expected);
    await expect(login(machine, key.privateKey, 'true')).rejects.toThrow(/authentication methods failed/);
    expect(await provisioner.setPassword?.(refOf(machine), new Secret('abcDEF123456'), op)).toEqual({ user: 'deploy' });
  });

  test('is root where the order says so, whatever the image’s label names', async () => {
    const { machine, key } = await made(LABELLED, {}, { user: 'root' });
    expect((await login(machine, key.privateKey, 'id -un')).output).toBe('root\n');
  });

  test('that the image does not have is no machine', async () => {
    await expect(made(IMAGE, {}, { user: 'nobodyhere' })).rejects.toMatchObject({
      kind: 'permanent',
      publicText: 'The login user of this offering does not exist in its image.',
    });
  });
});
