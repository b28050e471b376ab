import { expect, test } from 'vitest';
import type { Fault } from '../../simulators/digitalocean/faults.ts';
import { createVirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { isProvisionerError, type Operation, type OwnedRef } from '../../src/provisioner/index.ts';
import { AGENT, openTarget, played } from './fixtures.ts';

/** What can become of one exchange, from never sent to done and not told. */
const TROUBLES: Readonly<Record<string, Fault>> = {
  'nobody listens': { kind: 'refuse' },
  'the request is lost': { kind: 'drop-before' },
  'the request is a minute late': { kind: 'delay', ms: 60_000, at: 'before' },
  'the answer is lost': { kind: 'drop-after' },
  'the answer breaks off': { kind: 'truncate' },
  'no answer ever comes': { kind: 'hang' },
  'the answer is garbage': { kind: 'garbage' },
  'a gateway answers instead': { kind: 'html-502' },
  'a gateway answers, and it is done': { kind: 'html-502', processed: true },
  'an error is told, and it is done': { kind: 'error', id: 'server_error', processed: true },
  'an event is pending': { kind: 'error', id: 'unprocessable_entity', message: 'Droplet already has a pending event.' },
  'too many requests were made': { kind: 'rate-limit' },
  'a burst was too large': { kind: 'rate-limit', retryAfterS: 30 },
};

const TRIES = 8;

/** A machine's whole life; each step is repeated, as the agent would, until it succeeds. */
async function live(call?: string, fault?: Fault, skip = 0) {
  const clock = createVirtualClock();
  const opened = openTarget({ clock });
  const { core, provisioner } = opened;
  const { droplets, tags } = core.account;
  const seen = new Map<string, number>();
  core.onExchange((exchange) => {
    if (exchange.call !== undefined) seen.set(exchange.call, (seen.get(exchange.call) ?? 0) + 1);
  });
  const order = sampleOrder(AGENT);
  const handles: Record<string, string> = {};
  const step = async <T>(act: (op: Operation) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      const op = operation(order.stamp, {
        attempt,
        outcomeUnknown: attempt > 1,
        handles,
        onRemember: (key, value) => void (handles[key] = value),
      });
      try {
        return await played(clock, act(op), 1_000);
      } catch (error) {
        if (!isProvisionerError(error) || attempt >= TRIES) throw error;
        expect(error.kind).not.toBe('permanent');
        await clock.advance(error.retryAfterMs ?? 5_000);
      }
    }
  };
  try {
    if (call !== undefined && fault !== undefined) core.faults.add({ call, fault, skip });
    const instance = await step((op) => provisioner.create(order, op));
    const ref: OwnedRef = { stamp: order.stamp, externalId: instance.externalId, handles };
    // Nothing keeps a late request from making a second one; the agent sees it in the list, and has it removed.
    for (const each of (await step((op) => provisioner.list(op))).instances) {
      if (each.externalId !== instance.externalId) await step((op) => provisioner.removeTwin(each.externalId, ref, op));
    }
    expect([...droplets.values()].map(({ status, name }) => [status, name])).toEqual([['active', order.name]]);
    await step((op) => provisioner.stop(ref, op));
    const off = await step((op) => provisioner.observe(ref, op));
    expect(off).toMatchObject({ state: 'present', instance: { power: 'stopped', ipv4: instance.ipv4 } });
    const again = await step((op) => provisioner.start(ref, op));
    expect(again).toMatchObject({ externalId: instance.externalId, power: 'running', ssh: instance.ssh });
    await step((op) => provisioner.destroy(ref, op));
    await clock.advance(120_000);
    expect([...droplets.keys()]).toEqual([]);
    expect([...tags].filter((tag) => tag.startsWith('dc-order:'))).toEqual([]);
    expect(core.faults.pending).toBe(0);
    expect(core.calls.get('DELETE /droplets')).toBeUndefined();
  } finally {
    await opened.close();
  }
  return seen;
}

const calls = [...(await live())];

test.each(Object.entries(TROUBLES))(
  'a life leaves nothing and has one droplet, though at some call %s',
  async (_, fault) => {
    const problems: unknown[] = [];
    for (const [call, times] of calls) {
      for (const skip of new Set([0, times - 1])) {
        await live(call, fault, skip).catch((error: unknown) => {
          problems.push(new Error(`with trouble at ${call}, number ${skip + 1}`, { cause: error }));
        });
      }
    }
    expect(problems).toEqual([]);
  },
);
