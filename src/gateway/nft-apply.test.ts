import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NetdClient } from './netd-client.ts';
import { createPlanMemory } from './netd-plan.ts';
import { answers, type Op, request } from './netd-protocol.ts';
import { createApply } from './nft-apply.ts';
import { routeOf } from './nft-fixtures.ts';
import { GatewayError, type Route } from './port.ts';

const { signal } = new AbortController();

/** A helper that has no kernel: what it was asked for last, and how. */
function helper() {
  let memory = createPlanMemory();
  let fails = false;
  const asked: Op[] = [];
  let plan: readonly Route[] = [];
  const client: NetdClient = {
    async ask(input) {
      const read = request.parse(JSON.parse(JSON.stringify(input)));
      asked.push(read.op);
      if (read.op !== 'apply' && read.op !== 'change') throw new Error(`nobody asks for ${read.op} here`);
      const wanted = memory.ask(read);
      if (fails) throw new GatewayError('retry', 'the kernel is busy');
      if (wanted === undefined) return answers[input.op].parse({}) as never;
      plan = wanted.routes;
      memory.made(wanted);
      const applied = { repaired: [], refused: [], state: wanted.state };
      return answers[input.op].parse(read.op === 'apply' ? applied : { applied }) as never;
    },
  };
  return {
    client,
    asked,
    plan: () => plan,
    restart: () => {
      memory = createPlanMemory();
    },
    fail: (value: 'always' | 'never') => {
      fails = value === 'always';
    },
  };
}

const ofHelper = ({ contract, firstPort, portCount, machine, pace }: Route) => ({
  contract,
  slug: '',
  firstPort,
  portCount,
  machine: { ipv4: machine.ipv4, sshPort: machine.sshPort },
  ...(pace === undefined ? {} : { pace }),
});
const sorted = (routes: readonly Route[]) => routes.map(ofHelper).sort((one, other) => one.firstPort - other.firstPort);

test('of many machines the one that comes, goes or changes is told, and all of them where nothing changes', async () => {
  const { client, asked, plan } = helper();
  const apply = createApply(client);
  const all = Array.from({ length: 8 }, (_, n) => routeOf(n));
  for (const routes of [
    all,
    all.slice(1),
    all,
    all,
    all.map((route, n) => (n === 3 ? { ...route, pace: 'slow' as const } : route)),
  ]) {
    await apply(routes, signal);
    expect(sorted(plan())).toEqual(sorted(routes));
  }
  expect(asked).toEqual(['apply', 'change', 'change', 'apply', 'change']);
});

test('a helper that was started anew, one that failed, and one that another asked meanwhile are told everything', async () => {
  const { client, asked, plan, restart, fail } = helper();
  const [apply, stranger] = [createApply(client), createApply(client)];
  const all = Array.from({ length: 8 }, (_, n) => routeOf(n));
  await apply(all, signal);
  restart();
  await apply(all.slice(1), signal);
  fail('always');
  await expect(apply(all, signal)).rejects.toThrow('the kernel is busy');
  fail('never');
  await apply(all.slice(2), signal);
  await stranger([routeOf(99)], signal);
  await apply(all, signal);
  expect(sorted(plan())).toEqual(sorted(all));
  expect(asked).toEqual(['apply', 'change', 'apply', 'change', 'apply', 'apply', 'change', 'apply']);
});

test('whatever is asked for, fails or is started anew in between, the helper has what was asked for last', async () => {
  const routes = fc
    .array(fc.record({ n: fc.integer({ min: 0, max: 12 }), ssh: fc.integer({ min: 22, max: 23 }) }), { maxLength: 13 })
    .map((list) => [...new Map(list.map(({ n, ssh }) => [n, routeOf(n, {}, { sshPort: ssh })])).values()]);
  const event = fc.oneof(
    { weight: 6, arbitrary: routes },
    fc.constantFrom('restart' as const, 'fail' as const, 'stranger' as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 15 }), async (events) => {
      const { client, plan, restart, fail } = helper();
      const [apply, stranger] = [createApply(client), createApply(client)];
      for (const what of events) {
        if (what === 'restart') restart();
        else if (what === 'stranger') await stranger([routeOf(50)], signal);
        else if (what === 'fail') {
          fail('always');
          await apply([routeOf(1)], signal).catch(() => {});
          fail('never');
        } else {
          await apply(what, signal);
          expect(sorted(plan())).toEqual(sorted(what));
        }
      }
    }),
  );
});
