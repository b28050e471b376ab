import { beforeAll, describe, test } from 'vitest';
import { type Bench, provisionerConformance } from '../../src/provisioner/conformance.ts';
import { type ExternalId, silentLog } from '../../src/provisioner/index.ts';
import { buildImage, discard, lookUp, noEngine, tellEngine, whySkipped } from './test-engine.ts';
import { copyOf, openTarget } from './test-target.ts';

describe.skipIf(noEngine)(`on a real engine${whySkipped}`, () => {
  beforeAll(buildImage, 300_000);
  // Twenty-five machines at once on two cores take their time.
  provisionerConformance({ name: 'docker', open, describe, test, timeoutMs: 120_000 });
});

const CREATE = /^POST \/containers\/create/;
const LIST = /^GET \/containers\/json/;
const EVERY = /^/;

async function open(): Promise<Bench> {
  const { provisioner, proxy, order, count, addStranger, cleanup } = await openTarget();
  const once = async (call: RegExp, trouble: Parameters<typeof proxy.add>[0]['trouble']) => {
    proxy.add({ call, trouble });
  };
  const lasting = async (trouble: Parameters<typeof proxy.add>[0]['trouble']) => {
    const restore = proxy.add({ call: EVERY, trouble, always: true });
    return async () => restore();
  };
  return {
    provisioner,
    order,
    count,
    cleanup,
    foreign: {
      add: async ({ name }) => (await addStranger(name)) as ExternalId,
      exists: async (id) => (await lookUp(id)) !== undefined,
    },
    faults: {
      loseCreateAnswer: () => once(CREATE, { kind: 'drop-after' }),
      loseCreateRequest: () => once(CREATE, { kind: 'drop-before' }),
      refuseCreate: () =>
        once(CREATE, { kind: 'answer', status: 500, body: { message: 'mkdir: no space left on device' } }),
      denyCreate: () => once(CREATE, { kind: 'answer-after', status: 500, body: { message: 'context canceled' } }),
      ignoreDestroy: () => once(/^DELETE \/containers\//, { kind: 'answer', status: 204, body: '' }),
      partialList: () => once(LIST, { kind: 'answer', status: 200, body: [{ Id: '', State: 7 }] }),
      emptyList: () => once(LIST, { kind: 'answer', status: 200, body: [] }),
      unreachable: () => proxy.unplug(),
      failing: () => lasting({ kind: 'answer', status: 500, body: { message: 'database is locked' } }),
      silent: () => lasting({ kind: 'silence' }),
      loseMachine: discard,
      powerOff: async (id) => void (await tellEngine('POST', `/containers/${id}/kill`)),
      // An engine never gives an id twice, so what it says about this one is changed on the way.
      giveIdToStranger: async (id) =>
        void proxy.add({
          call: new RegExp(`^GET /containers/${id}/json`),
          trouble: { kind: 'rewrite', change: (body) => body.replaceAll('"dc-agent":"true"', '"dc-agent":"no"') },
          always: true,
        }),
      duplicate: async (id) => {
        const found = await provisioner.list({ signal: new AbortController().signal, log: silentLog });
        const stamp = found.instances.find(({ externalId }) => externalId === id)?.stamp;
        if (stamp === undefined) throw new Error('there is nothing to copy');
        return (await copyOf(stamp)) as ExternalId;
      },
    },
  };
}
