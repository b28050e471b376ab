import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { type ExternalId, type Instance, Secret } from '../../src/provisioner/index.ts';
import { buildImage, lookUp, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { login, loginWithPassword, makeKey, type TestKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

/** What a tenant does who wants to log in by password. */
const LET_PASSWORDS_IN = `
  printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' | cat - /etc/ssh/sshd_config >/etc/ssh/new
  mv /etc/ssh/new /etc/ssh/sshd_config
  kill -HUP "$(ps -o pid,comm,args | grep '[s]shd.*listener\\|[s]bin/sshd -D' | grep -v docker-init | awk 'NR==1 { print $1 }')"`;

describe.skipIf(noEngine)(`access to a machine${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(async () => {
    await buildImage();
    target = await openTarget();
  }, 300_000);
  afterAll(() => target?.cleanup());

  test('new keys replace the old ones, wherever the tenant had put them', async () => {
    const { machine, key, op } = await newMachine();
    const other = makeKey();
    const more = `
      cp /root/.ssh/authorized_keys /root/.ssh/authorized_keys2
      mv /root/.ssh/authorized_keys /root/elsewhere
      ln -s /root/elsewhere /root/.ssh/authorized_keys`;
    await login(machine, key.privateKey, more);
    await login(machine, key.privateKey, 'true');
    await target.provisioner.setKeys(refOf(machine), [other.publicKey], op);
    const look =
      'cat /root/.ssh/authorized_keys; stat -c "%a %u" /root/.ssh/authorized_keys; wc -c </root/.ssh/authorized_keys2';
    expect((await login(machine, other.privateKey, look)).output).toBe(`${other.publicKey}\n600 0\n0\n`);
    await expect(login(machine, key.privateKey, 'true')).rejects.toThrow(/authentication methods failed/);
    expect((await login(machine, other.privateKey, 'wc -l </root/elsewhere')).output).toBe('1\n');
  });

  test('a directory of keys that is a link is replaced, and what it leads to is left as it is', async () => {
    const { machine, key, op } = await newMachine();
    const other = makeKey();
    await login(machine, key.privateKey, 'mv /root/.ssh /root/moved && ln -s /root/moved /root/.ssh');
    await target.provisioner.setKeys(refOf(machine), [other.publicKey], op);
    expect((await login(machine, other.privateKey, 'cat /root/moved/authorized_keys')).output).toBe(
      `${key.publicKey}\n`,
    );
    await expect(login(machine, key.privateKey, 'true')).rejects.toThrow(/authentication methods failed/);
  });

  test('keys survive a restart of the machine, and setting them again changes nothing', async () => {
    const { machine, op } = await newMachine();
    const other = makeKey();
    await target.provisioner.setKeys(refOf(machine), [other.publicKey], op);
    await target.provisioner.setKeys(refOf(machine), [other.publicKey], op);
    await target.provisioner.stop(refOf(machine), op);
    const started = await target.provisioner.start(refOf(machine), op);
    expect((await login(started, other.privateKey, 'id -un')).output).toBe('root\n');
  });

  test('keys that the machine does not show afterwards are not taken for set', async () => {
    const { machine, op } = await newMachine();
    target.proxy.add({
      call: /^PUT \/containers\/.*\/archive/,
      trouble: { kind: 'answer', status: 200, body: {} },
    });
    await expect(target.provisioner.setKeys(refOf(machine), [makeKey().publicKey], op)).rejects.toMatchObject({
      kind: 'retry',
    });
  });

  test.each(['ssh-ed25519 AAAA\nssh-rsa BBBBBBBBBBBBBBBBBBBB', 'command="id" ssh-ed25519 AAAAAAAAAAAAAAAAAAAA', ''])(
    'the key %j is refused before anything is touched',
    async (key) => {
      const { machine, op } = await newMachine();
      const before = target.proxy.calls.length;
      await expect(target.provisioner.setKeys(refOf(machine), [key], op)).rejects.toMatchObject({ kind: 'permanent' });
      expect(target.proxy.calls.slice(before)).toEqual([]);
    },
  );

  test('a new password lets in where the machine takes passwords, the one before does not, and the engine never sees it in words', async () => {
    const { machine, key, op } = await newMachine();
    await login(machine, key.privateKey, LET_PASSWORDS_IN);
    await expect(target.provisioner.setPassword(refOf(machine), new Secret('first-Secret'), op)).resolves.toEqual({
      user: 'root',
    });
    expect((await loginWithPassword(machine, 'first-Secret', 'id -un')).output).toBe('root\n');
    await target.provisioner.setPassword(refOf(machine), new Secret('second-Secret'), op);
    expect((await loginWithPassword(machine, 'second-Secret', 'id -un')).output).toBe('root\n');
    await expect(loginWithPassword(machine, 'first-Secret', 'id -un')).rejects.toThrow(/authentication methods failed/);
    expect(JSON.stringify(await lookUp(machine.externalId))).not.toContain('-Secret');
    expect(target.proxy.calls.join('\n')).not.toContain('-Secret');
  });

  test("a machine's own chpasswd that repeats what it read, or never ends, tells nobody and holds up nobody", async () => {
    const { machine, key, op } = await newMachine();
    await login(
      machine,
      key.privateKey,
      `printf '#!/bin/sh\\ncat; cat >&2; exit 3\\n' >/usr/bin/chpasswd.new
      chmod 755 /usr/bin/chpasswd.new; mv /usr/bin/chpasswd.new /usr/bin/chpasswd`,
    );
    const error = await target.provisioner
      .setPassword(refOf(machine), new Secret('planted-Secret'), op)
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ kind: 'retry' });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('planted');

    await login(machine, key.privateKey, "printf '#!/bin/sh\\nexec yes\\n' >/usr/bin/chpasswd");
    const stop = new AbortController();
    const flooded = target.proxy.arrival(/^POST \/exec\/.*\/start/);
    const endless = target.provisioner.setPassword(
      refOf(machine),
      new Secret('planted-Secret'),
      operation(machine.stamp, { signal: stop.signal }),
    );
    await flooded;
    stop.abort(new Error('the test has seen enough'));
    await expect(endless).rejects.toMatchObject({ kind: 'unknown-outcome' });

    await login(machine, key.privateKey, 'rm -f /usr/bin/chpasswd /usr/bin/busybox');
    await expect(target.provisioner.setPassword(refOf(machine), new Secret('x'), op)).rejects.toMatchObject({
      kind: 'config',
    });
  });

  test('a password with a line break is refused before anything is touched', async () => {
    const { machine, op } = await newMachine();
    const before = target.proxy.calls.length;
    const sly = new Secret('x\nroot:y');
    await expect(target.provisioner.setPassword(refOf(machine), sly, op)).rejects.toMatchObject({ kind: 'permanent' });
    expect(target.proxy.calls.slice(before)).toEqual([]);
  });

  test('a machine that is paused or off is left as it is, for another try', async () => {
    const { machine, op } = await newMachine();
    const keys = [makeKey().publicKey];
    for (const verb of ['pause', 'kill']) {
      await tellEngine('POST', `/containers/${machine.externalId}/${verb}`);
      await expect(target.provisioner.setKeys(refOf(machine), keys, op)).rejects.toMatchObject({ kind: 'retry' });
      await expect(target.provisioner.setPassword(refOf(machine), new Secret('x'), op)).rejects.toMatchObject({
        kind: 'retry',
      });
      if (verb === 'pause') await tellEngine('POST', `/containers/${machine.externalId}/unpause`);
    }
  });

  test("a stranger's container is not touched", async () => {
    const id = (await target.addStranger()) as ExternalId;
    const { machine, op } = await newMachine();
    const ref = { ...refOf(machine), externalId: id };
    const before = target.proxy.calls.length;
    await expect(target.provisioner.setKeys(ref, [makeKey().publicKey], op)).rejects.toMatchObject({
      kind: 'not-ours',
    });
    await expect(target.provisioner.setPassword(ref, new Secret('x'), op)).rejects.toMatchObject({ kind: 'not-ours' });
    expect(target.proxy.calls.slice(before).filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  async function newMachine(): Promise<{ machine: Instance; key: TestKey; op: ReturnType<typeof operation> }> {
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey });
    const op = operation(order.stamp);
    return { machine: await target.provisioner.create(order, op), key, op };
  }
});
