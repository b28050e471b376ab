import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { context, operation, refOf } from '../../src/provisioner/conformance/operations.ts';
import { buildImage, noEngine, whySkipped } from './test-engine.ts';
import { login, makeKey } from './test-login.ts';
import { openTarget, type TestTarget } from './test-target.ts';

const STAGE = '{"errors":[],"start":1.5,"finished":2.5}';
const DONE = `{"v1":{"init":${STAGE},"modules-final":${STAGE},"stage":null}}`;

describe.skipIf(noEngine)(`cloud-init in a container${whySkipped}`, () => {
  let target: TestTarget;
  beforeAll(buildImage, 300_000);
  beforeEach(async () => {
    target = await openTarget();
  });
  afterEach(() => target.cleanup());

  test('is looked at where there is one, its link followed, and missed where there is none', async () => {
    const key = makeKey();
    const order = target.order({ sshKey: key.publicKey });
    const machine = await target.provisioner.create(order, operation(order.stamp));
    const look = () => target.provisioner.cloudInit(refOf(machine), context());
    expect(await look()).toEqual({ state: 'none' });
    const data = '/var/lib/cloud/data';
    const link = `mkdir -p /run/cloud-init ${data}; ln -s ../..${data}/status.json /run/cloud-init/status.json`;
    await login(machine, key.privateKey, `${link}; echo '{"v1":{}}' >${data}/status.json`);
    expect(await look()).toEqual({ state: 'running' });
    await login(machine, key.privateKey, `echo '${DONE}' >${data}/status.json`);
    expect(await look()).toEqual({ state: 'done' });
    await login(machine, key.privateKey, 'rm /run/cloud-init/status.json; mkdir /run/cloud-init/status.json');
    await login(machine, key.privateKey, `rm ${data}/status.json`);
    expect(await look()).toEqual({ state: 'unknown' });
  });
});
