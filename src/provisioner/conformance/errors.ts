import assert from 'node:assert/strict';
import type { Provisioner } from '../contract.ts';
import { type Bench, NotOffered, offered, type Rule } from './bench.ts';
import { everyText, holds, made, refused, settled } from './judge.ts';
import { cancelled, context, freshOperation, operation, refOf, stampOnly } from './operations.ts';

export const errorRules: readonly Rule[] = [
  {
    says: 'are ProvisionerErrors when the backend is gone, from every call',
    async check(bench) {
      await refuseEverything(bench, offered(bench.faults?.unreachable, 'an unreachable backend'));
    },
  },
  {
    says: 'are ProvisionerErrors when the backend answers with errors, from every call',
    async check(bench) {
      await refuseEverything(bench, offered(bench.faults?.failing, 'a backend that answers with errors'));
    },
  },
  {
    says: 'are ProvisionerErrors when the call was cancelled before it began, and nothing was touched',
    async check(bench) {
      const { order, instance } = await made(bench);
      const { provisioner } = bench;
      const op = operation(order.stamp, { signal: cancelled() });
      await refused(provisioner.destroy(refOf(instance), op));
      if (provisioner.stop) await refused(provisioner.stop(refOf(instance), op));
      await settled(provisioner.inventory(context(cancelled())));
      if (provisioner.list) await settled(provisioner.list(context(cancelled())));
      const seen = await provisioner.observe(refOf(instance), context());
      assert.equal(seen.state === 'present' ? seen.instance.power : seen.state, 'running');
    },
  },
  {
    says: 'end a call soon after it is cancelled, though the backend says nothing',
    async check(bench) {
      const silence = offered(bench.faults?.silent, 'a silent backend');
      const { order, instance } = await made(bench);
      const restore = await silence();
      for (const call of callsThatWait(bench, refOf(instance))) {
        const cancel = new AbortController();
        const ending = settled(call(cancel.signal));
        cancel.abort(new Error('cancelled by the test'));
        await ending;
      }
      await restore();
      await holds(bench, order, 1);
    },
  },
  {
    says: 'hold nothing private of the order, in any of their texts',
    async check(bench) {
      const planted = `planted-${freshOperation()}`;
      const breaks = [bench.faults?.loseCreateAnswer, bench.faults?.loseCreateRequest, bench.faults?.refuseCreate];
      const possible = breaks.filter((fault) => fault !== undefined);
      if (possible.length === 0) throw new NotOffered('failing creates');
      for (const fault of possible) {
        const order = bench.order({ postProvisionScript: `#!/bin/sh\necho ${planted}\n` });
        await fault();
        const error = await bench.provisioner.create(order, operation(order.stamp)).catch((thrown: unknown) => thrown);
        assert.equal(everyText(error).includes(planted), false, 'the recipe shows in an error');
        await bench.provisioner.destroy(stampOnly(order), operation(order.stamp));
      }
    },
  },
];

/** Makes trouble, and expects every call to say so with the one error class, and the machine to be there afterwards. */
async function refuseEverything(bench: Bench, trouble: () => Promise<() => Promise<void>>): Promise<void> {
  const { order, instance } = await made(bench);
  const { provisioner } = bench;
  const fresh = bench.order();
  const restore = await trouble();
  await refused(provisioner.create(fresh, operation(fresh.stamp)));
  await refused(provisioner.destroy(refOf(instance), operation(order.stamp)));
  await refused(provisioner.inventory(context()));
  if (provisioner.list) await refused(provisioner.list(context()));
  if (provisioner.stop) await refused(provisioner.stop(refOf(instance), operation(order.stamp)));
  if (provisioner.traffic) await refused(provisioner.traffic(context()));
  const findings = await provisioner.check(context());
  assert.ok(
    findings.some(({ level }) => level === 'fail'),
    'check found nothing wrong',
  );
  await restore();
  await holds(bench, order, 1);
}

function callsThatWait(bench: Bench, ref: ReturnType<typeof refOf>): ((signal: AbortSignal) => Promise<unknown>)[] {
  const { provisioner }: { provisioner: Provisioner } = bench;
  const { list } = provisioner;
  return [
    (signal) => provisioner.destroy(ref, operation(ref.stamp, { signal })),
    (signal) => provisioner.observe(ref, context(signal)),
    (signal) => provisioner.inventory(context(signal)),
    ...(list ? [(signal: AbortSignal) => list.call(provisioner, context(signal))] : []),
  ];
}
