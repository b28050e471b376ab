import { describe, test } from 'vitest';
import { provisionerConformance, sampleOrder } from '../../src/provisioner/conformance.ts';
import { AGENT, busyOperator, openOffice } from './fixtures.ts';

provisionerConformance({
  name: 'manual',
  describe,
  test,
  async open() {
    const office = await openOffice();
    const { desk, directory, provisioner } = office;
    const operator = busyOperator(desk, directory);
    return {
      provisioner,
      order: (overrides) => sampleOrder(AGENT, overrides),
      // The operator's own view: made, and not removed.
      async count({ contract }) {
        const { tasks } = await desk.list();
        const done = tasks.filter(({ state, stamp }) => state === 'done' && stamp.contract === contract);
        const of = (kind: string) => done.filter((task) => task.kind === kind).length;
        return Math.max(0, of('create') - of('remove'));
      },
      faults: {
        refuseCreate: async () => operator.failNext(),
        unreachable: () => office.breakDirectory(),
        failing: () => office.breakDirectory(),
        silent: async () => {
          const end = operator.ignore();
          return async () => end();
        },
      },
      async cleanup() {
        await operator.close();
        await office.close();
      },
    };
  },
});
