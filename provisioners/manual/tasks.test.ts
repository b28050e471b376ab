import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type CallContext, type OwnedRef, silentLog } from '../../src/provisioner/index.ts';
import { AGENT, openOffice } from './fixtures.ts';

let office: Awaited<ReturnType<typeof openOffice>>;
beforeEach(async () => {
  office = await openOffice();
});
afterEach(() => office.close());

const ctx: CallContext = { signal: new AbortController().signal, log: silentLog };
const order = sampleOrder(AGENT);
const ID = `create-${order.stamp.operation}`;
const REMOVAL = `remove-${order.stamp.operation}`;
const NOW = 1_700_000_000_000;
const place = { address: '192.0.2.7', port: 2222, user: 'debian', note: 'Rack 4.' };
const ref: OwnedRef = { stamp: order.stamp, handles: { task: ID } };

/** Starts a call and resolves once its task is on disk: create remembers the task exactly then. */
function begin(provisioner = office.provisioner, signal = new AbortController().signal) {
  return new Promise<{ ending: ReturnType<typeof provisioner.create> }>((resolve, reject) => {
    const ending = provisioner.create(order, operation(order.stamp, { signal, onRemember: () => resolve({ ending }) }));
    ending.catch(reject);
  });
}

test('create waits for the operator, whose answer becomes the machine', async () => {
  const { ending } = await begin();
  await office.desk.done(ID, place, NOW);
  expect(await ending).toEqual({
    externalId: ID,
    stamp: order.stamp,
    power: 'running',
    ipv4: '192.0.2.7',
    ssh: { host: '192.0.2.7', port: 2222, user: 'debian' },
    additionalDetails: 'Rack 4.',
  });
});

test('an answer given while the agent was stopped is found by the next attempt, under the same task', async () => {
  const stop = new AbortController();
  const { ending } = await begin(office.provisioner, stop.signal);
  stop.abort();
  await expect(ending).rejects.toMatchObject({ kind: 'unknown-outcome' });
  await office.desk.done(ID, place, NOW);
  const after = await office.reopen();
  expect(await after.create(order, operation(order.stamp, { attempt: 2 }))).toMatchObject({ externalId: ID });
  expect((await office.desk.list()).tasks).toHaveLength(1);
});

test('a failure for now is asked again by the next attempt, a permanent one never', async () => {
  const first = await begin();
  await office.desk.fail(ID, { reason: 'lunch', permanent: false }, NOW);
  await expect(first.ending).rejects.toMatchObject({ kind: 'retry' });
  const second = await begin();
  await office.desk.fail(ID, { reason: 'rack 4 burnt down', permanent: true }, NOW);
  await expect(second.ending).rejects.toMatchObject({
    kind: 'permanent',
    publicText: expect.not.stringContaining('rack 4'),
  });
  const third = office.provisioner.create(order, operation(order.stamp));
  await expect(third).rejects.toMatchObject({ kind: 'permanent' });
});

test('the end of an order that nobody has answered is a task too, and its first task takes no answer any more', async () => {
  const stop = new AbortController();
  const { ending } = await begin(office.provisioner, stop.signal);
  stop.abort();
  await expect(ending).rejects.toMatchObject({ kind: 'unknown-outcome' });
  const cancel = new AbortController();
  const removing = office.provisioner.destroy(ref, operation(order.stamp, { signal: cancel.signal }));
  await expect
    .poll(async () => (await office.desk.list()).tasks.map(({ id, state }) => `${id} ${state}`).sort())
    .toEqual([`${ID} withdrawn`, `${REMOVAL} open`]);
  await expect(office.desk.done(ID, place, NOW)).rejects.toThrow('the task is withdrawn already');
  expect(await office.provisioner.observe(ref, ctx)).toMatchObject({ state: 'unknown' });
  await office.desk.done(REMOVAL, {}, NOW);
  await removing;
  expect(await office.provisioner.observe(ref, ctx)).toEqual({ state: 'absent' });
});

test('a machine whose record was lost is never called absent, and a person is asked to remove it', async () => {
  expect(await office.provisioner.observe(ref, ctx)).toMatchObject({ state: 'unknown' });
  const removing = office.provisioner.destroy(ref, operation(order.stamp));
  await expect.poll(async () => (await office.desk.list()).tasks.map(({ id }) => id)).toEqual([REMOVAL]);
  await office.desk.done(REMOVAL, {}, NOW);
  await removing;
});

test('a changed file decides nothing: the list is incomplete, and nothing is said of the machine', async () => {
  const { ending } = await begin();
  await office.desk.done(ID, place, NOW);
  await ending;
  const path = join(office.directory, `${ID}.task.json`);
  await writeFile(path, (await readFile(path, 'utf8')).replace('"round": 1', '"round": 2'));
  expect(await office.provisioner.list?.(ctx)).toEqual({ complete: false, instances: [] });
  await expect(office.provisioner.observe(ref, ctx)).rejects.toMatchObject({ kind: 'config' });
  const findings = await office.provisioner.check(ctx);
  expect(findings).toContainEqual(expect.objectContaining({ level: 'fail', code: 'manual.tasks.damaged' }));
});

test('only the agent’s user can read tasks and answers', async () => {
  const { ending } = await begin();
  await office.desk.done(ID, place, NOW);
  await ending;
  expect((await stat(office.directory)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(office.directory)) {
    expect((await stat(join(office.directory, name))).mode & 0o777, name).toBe(0o600);
  }
});

test.runIf(process.getuid?.() === 0)('an answer by root belongs to the user whose directory it is', async () => {
  const { ending } = await begin();
  const { chown } = await import('node:fs/promises');
  await chown(office.directory, 65_534, 65_534);
  await chmod(office.directory, 0o700);
  await office.desk.done(ID, place, NOW);
  await ending;
  expect((await stat(join(office.directory, `${ID}.1.answer.json`))).uid).toBe(65_534);
});

test.each([
  [{}, 'a new machine needs an address'],
  [{ ...place, address: '127.0.0.1' }, 'address: expected an IPv4 or IPv6 address that others can reach'],
  [{ ...place, address: 'fe80::1' }, 'address: expected'],
  [{ ...place, address: 'rack.example' }, 'address: expected'],
  [{ ...place, port: 70_000 }, 'port: '],
  [{ ...place, port: Number.NaN }, 'port: '],
  [{ ...place, user: 'root; reboot' }, 'user: expected a user name'],
  [{ ...place, note: 'x'.repeat(1001) }, 'note: is longer than 1000 characters'],
  [{ ...place, note: 'a\u001b[2Jb' }, 'note: holds control characters'],
])('the answer %j is refused, and the task stays open', async (given, problem) => {
  const stop = new AbortController();
  const { ending } = await begin(office.provisioner, stop.signal);
  await expect(office.desk.done(ID, given, NOW)).rejects.toThrow(problem);
  expect((await office.desk.list()).tasks).toMatchObject([{ state: 'open' }]);
  stop.abort();
  await expect(ending).rejects.toThrow();
});

test('of two operators who answer at once exactly one is heard', async () => {
  const { ending } = await begin();
  const answers = ['192.0.2.7', '192.0.2.8'].map((address) => office.desk.done(ID, { address }, NOW));
  const outcomes = await Promise.allSettled(answers);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const heard = outcomes[0]?.status === 'fulfilled' ? '192.0.2.7' : '192.0.2.8';
  expect(await ending).toMatchObject({ ipv4: heard });
});

test('power is refused unless it is a task', async () => {
  const other = await openOffice({ power_tasks: false });
  expect([other.provisioner.stop, other.provisioner.start]).toEqual([undefined, undefined]);
  await other.close();
});
