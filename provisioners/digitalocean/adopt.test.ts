import { afterEach, beforeEach, expect, test } from 'vitest';
import { freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import { type CallContext, type ContractId, type OwnerStamp, silentLog } from '../../src/provisioner/index.ts';
import { AGENT, type Opened, openTarget, refusalOf } from './fixtures.ts';

let opened: Opened;
let contract: ContractId;
let id: number;

const ctx: CallContext = { signal: new AbortController().signal, log: silentLog };
const stampOf = (of: ContractId): OwnerStamp => ({ agent: AGENT, contract: of, operation: freshOperation() });

beforeEach(() => {
  opened = openTarget();
  contract = sampleOrder(AGENT).stamp.contract;
  id = opened.core.admin.addForeign({ name: `dc-${contract}`, tags: ['dc-agent', `dc-contract-${contract}`] });
});
afterEach(() => opened.close());

async function onlyOne() {
  const [machine, ...more] = await opened.provisioner.adoptable(ctx);
  if (machine === undefined || more.length > 0) throw new Error('there is not one machine to adopt');
  return machine;
}

test('a droplet of the reference agent is shown, is taken over by tags alone, and is then one of ours', async () => {
  const machine = await onlyOne();
  expect(machine).toMatchObject({ externalId: String(id), contract, power: 'running' });
  const stamp = stampOf(contract);
  for (const _ of [1, 2]) await opened.provisioner.adopt(machine, stamp, ctx);
  const { instances } = await opened.provisioner.list(ctx);
  expect(instances).toMatchObject([{ externalId: String(id), stamp, power: 'running' }]);
  expect(await opened.provisioner.adoptable(ctx)).toEqual([]);
  expect(opened.core.account.droplets.get(id)?.tags).toContain('dc-agent');
});

test('what was broken off between the two tags is ended by the next call', async () => {
  const [machine, stamp] = [await onlyOne(), stampOf(contract)];
  opened.core.faults.add({ call: 'POST /tags/{id}/resources', match: 'dc-agent:', fault: { kind: 'drop-before' } });
  expect((await refusalOf(opened.provisioner.adopt(machine, stamp, ctx))).kind).toBe('retry');
  await opened.provisioner.adopt(machine, stamp, ctx);
  expect((await opened.provisioner.list(ctx)).instances).toMatchObject([{ stamp }]);
});

test('a name or a tag alone proves nothing, and nothing is taken over that changed hands meanwhile', async () => {
  const other = sampleOrder(AGENT).stamp.contract;
  opened.core.admin.addForeign({ name: `dc-${other}`, tags: ['dc-agent', `dc-contract-${contract}`] });
  opened.core.admin.addForeign({ name: 'web', tags: ['dc-agent', `dc-contract-${other}`] });
  const machine = await onlyOne();
  for (const [tags, of] of [
    [['dc-agent', `dc-contract-${contract}`], other],
    [['mine'], contract],
    [['dc-agent', `dc-contract-${contract}`, `dc-order:${contract}:${freshOperation()}`], contract],
  ] as const) {
    opened.core.admin.setTags(id, tags);
    expect((await refusalOf(opened.provisioner.adopt(machine, stampOf(of), ctx))).kind).toBe('not-ours');
    expect(opened.core.account.droplets.get(id)?.tags).toEqual(tags);
  }
});
