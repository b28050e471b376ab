import { afterEach, describe, expect, it } from 'vitest';
import { again, context } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import {
  isProvisionerError,
  type MachineOrder,
  type Operation,
  type Provisioner,
} from '../../src/provisioner/index.ts';
import { openStage, type Stage, type Wire } from './fixtures.ts';

/** Requests of one create, polling included: those that come later than this are further polls. */
const REQUESTS = 40;
const ATONCE = 8;

const opened: Stage[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stage) => stage.close()));
});

function stageFor(personality: '8.4' | '9.1'): Stage {
  const stage = openStage({ personality });
  opened.push(stage);
  return stage;
}

/** Runs the story for every request, some at a time, and says at which one it went wrong. */
async function atEveryRequest(tell: (n: number) => Promise<boolean>): Promise<void> {
  let next = 0;
  let reached = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < REQUESTS; n = next++) {
      try {
        if (await tell(n)) reached += 1;
      } catch (cause) {
        throw new Error(`with trouble at request ${n}`, { cause });
      }
    }
  };
  await Promise.all(Array.from({ length: ATONCE }, lane));
  expect(reached, 'requests at which there was trouble').toBeGreaterThan(15);
}

/** As the agent does: again with what was remembered, until it has a machine. */
async function untilMade(provisioner: Provisioner, order: MachineOrder, first: Operation) {
  let op = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return await provisioner.create(order, op);
    } catch (error) {
      if (!isProvisionerError(error) || attempt >= 4) throw error;
      expect(['retry', 'unknown-outcome']).toContain(error.kind);
      op = again(op, { outcomeUnknown: error.kind === 'unknown-outcome' });
    }
  }
}

async function expectOne(stage: Stage, provisioner: Provisioner, order: MachineOrder): Promise<void> {
  expect(stage.machinesOf(order.stamp)).toHaveLength(1);
  const [guest] = stage.machinesOf(order.stamp);
  expect(guest?.status).toBe('running');
  expect(Object.fromEntries(guest?.config ?? [])).toMatchObject({ memory: '256', cores: '1', ciuser: 'root' });
  expect(guest?.config.get('scsi0')).toContain('size=4G');
  expect(guest?.config.get('sshkeys')).toBeDefined();
  expect(guest?.firewall.options.get('enable')).toBeTruthy();
  expect(stage.leftovers()).toEqual([]);
  await provisioner.destroy({ stamp: order.stamp, handles: {} }, operation(order.stamp));
  expect(stage.machinesOf(order.stamp)).toEqual([]);
  expect(stage.leftovers()).toEqual([]);
}

describe.each(['9.1', '8.4'] as const)('on %s, whatever happens while a machine is made', (personality) => {
  it.each(['lost-before', 'lost-after'] as const)('one answer %s processing costs no second machine', async (fate) => {
    await atEveryRequest(async (n) => {
      const stage = stageFor(personality);
      let struck = false;
      stage.wire.fate = (count) => {
        if (count !== n) return undefined;
        struck = true;
        return fate;
      };
      const order = stage.order();
      await untilMade(stage.provisioner, order, operation(order.stamp));
      stage.wire.fate = undefined;
      await expectOne(stage, stage.provisioner, order);
      return struck;
    });
  });

  it.each(['dead', 'dead-after'] as const)(
    'a process that is %s a request leaves what the next one finishes',
    async (fate) => {
      await atEveryRequest(async (n) => {
        const stage = stageFor(personality);
        const wire: Wire = {};
        const order = stage.order();
        const op = operation(order.stamp);
        const died = new Promise<'died'>((resolve) => {
          wire.fate = (count) => {
            if (count < n) return undefined;
            if (count === n) setTimeout(() => resolve('died'), 2);
            // After its last request nothing of that process ever runs again.
            return count === n ? fate : 'dead';
          };
        });
        const first = stage.open(wire);
        const outcome = await Promise.race([died, first.create(order, op)]);
        const next = stage.open();
        await untilMade(next, order, again(op));
        await expectOne(stage, next, order);
        return outcome === 'died';
      });
    },
  );

  it('a process that dies leaves what destroy finds, with or without what was remembered', async () => {
    await atEveryRequest(async (n) => {
      const stage = stageFor(personality);
      const order = stage.order();
      const op = operation(order.stamp);
      const died = new Promise<'died'>((resolve) => {
        stage.wire.fate = (count) => {
          if (count < n) return undefined;
          if (count === n) setTimeout(() => resolve('died'), 2);
          return count === n ? undefined : 'dead';
        };
      });
      const outcome = await Promise.race([died, stage.provisioner.create(order, op)]);
      const next = stage.open();
      const handles = n % 2 === 0 ? op.handles : {};
      await next.destroy({ stamp: order.stamp, handles }, operation(order.stamp, { outcomeUnknown: true }));
      expect(stage.machinesOf(order.stamp)).toEqual([]);
      expect(stage.leftovers()).toEqual([]);
      expect((await next.list(context())).instances).toEqual([]);
      return outcome === 'died';
    });
  });
});
