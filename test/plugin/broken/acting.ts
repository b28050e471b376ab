import { type ExternalId, type OperationId, ProvisionerError } from '../../../src/provisioner/index.ts';
import type { BrokenPlugin } from './index.ts';

/** Mistakes in destroying, stopping and starting. */
export const brokenActing: readonly BrokenPlugin[] = [
  {
    flaw: 'runs a script again when it is asked again',
    alter: (good) => {
      let calls = 0;
      return {
        ...good,
        async runScript(ref, script, op) {
          if (good.runScript === undefined) throw new Error('the sandbox runs scripts');
          const id = (++calls).toString(16).padStart(32, '0') as OperationId;
          return good.runScript(ref, script, { ...op, id });
        },
      };
    },
    caughtBy: ['scripts inside a machine: are run at most once for each operation, and their end is found again'],
  },
  {
    flaw: 'takes a script for run where there is no machine to run it',
    alter: (good) => ({
      ...good,
      async runScript(ref, script, op) {
        if (good.runScript === undefined) throw new Error('the sandbox runs scripts');
        const seen = await good.observe(ref, op);
        if (seen.state !== 'present') return { exit: 0, timedOut: false, seconds: 0, output: '' };
        return good.runScript(ref, script, op);
      },
    }),
    caughtBy: [
      'scripts inside a machine: do not pretend to have been run when the machine is gone, or another contract’s',
    ],
  },
  {
    flaw: 'destroys whatever has the id',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        if (ref.externalId !== undefined && core.machines.has(ref.externalId)) core.admin.lose(ref.externalId);
        else await good.destroy(ref, op);
      },
    }),
    caughtBy: [
      'ownership: refuses to destroy a stranger that has our external id',
      "ownership: refuses to destroy a machine that carries another contract's stamp",
      'ownership: refuses to destroy the machine of another operation of the same contract',
      'errors: are ProvisionerErrors when the call was cancelled before it began, and nothing was touched',
    ],
  },
  {
    flaw: 'destroys what has the right name',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        const name = `dc-${ref.stamp.contract.slice(0, 16)}`;
        for (const machine of core.machines.values()) if (machine.name === name) core.admin.lose(machine.id);
        await good.destroy(ref, op);
      },
    }),
    caughtBy: ['create: leaves a stranger with the same name alone'],
  },
  {
    flaw: 'destroys every machine of the agent',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        await good.destroy(ref, op);
        for (const { id, labels } of core.machines.values()) {
          if (labels['dc-agent-id'] === ref.stamp.agent) core.admin.lose(id);
        }
      },
    }),
    caughtBy: ['destroy: leaves the machines of other contracts alone'],
  },
  {
    flaw: 'stops and starts whatever has the id',
    alter: (good, core) => ({
      ...good,
      async stop(ref) {
        if (ref.externalId !== undefined) core.admin.powerOff(ref.externalId);
      },
      async start(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'present') return good.start(ref, op);
        return { externalId: ref.externalId ?? ('' as ExternalId), stamp: ref.stamp, power: 'running' };
      },
    }),
    caughtBy: [
      'ownership: refuses to stop a stranger that has our external id',
      'ownership: refuses to start a stranger that has our external id',
      "ownership: refuses to stop a machine that carries another contract's stamp",
      "ownership: refuses to start a machine that carries another contract's stamp",
      'stop and start: neither pretends to have done it when the machine is gone',
    ],
  },
  {
    flaw: 'is done as soon as the backend has accepted the order to delete',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state !== 'present') return good.destroy(ref, op);
        core.handle({ method: 'DELETE', path: `/machines/${seen.instance.externalId}` });
      },
    }),
    caughtBy: [
      'destroy: removes the machine, and may be repeated',
      'destroy: removes a machine that is off',
      'destroy: removes every machine with the stamp, where a late request made a second one',
      'destroy: is done only when the machine is gone, whatever the backend accepted',
    ],
  },
  {
    flaw: 'takes any trouble while destroying for "already gone"',
    alter: (good) => ({ ...good, destroy: (ref, op) => good.destroy(ref, op).catch(() => {}) }),
    caughtBy: [
      'destroy: does not call a machine gone because the backend answers with errors',
      'errors: are ProvisionerErrors when the backend is gone, from every call',
    ],
  },
  {
    flaw: 'complains when there is nothing to destroy',
    alter: (good) => ({
      ...good,
      async destroy(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'absent') throw new ProvisionerError('retry', 'no such machine');
        await good.destroy(ref, op);
      },
    }),
    caughtBy: ['destroy: is content when nothing was ever made'],
  },
  {
    flaw: 'destroys instead of stopping',
    alter: (good) => ({ ...good, stop: (ref, op) => good.destroy(ref, op) }),
    caughtBy: [
      'stop and start: stop powers off and keeps the machine, start brings the same one back, and both may be repeated',
      'stop and start: stop keeps the machine also where nothing can start it again',
    ],
  },
  {
    flaw: 'starts nothing that went off by itself',
    alter: (good) => ({
      ...good,
      async start(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'present') return seen.instance;
        return good.start(ref, op);
      },
    }),
    caughtBy: ['stop and start: start switches on what went off by itself'],
  },
  {
    flaw: 'removes both twins',
    alter: (good) => ({ ...good, removeTwin: (_twin, keep, op) => good.destroy(keep, op) }),
    caughtBy: [
      'twins of one stamp: removes exactly the second machine of a stamp, and may be repeated',
      'twins of one stamp: refuses to remove the machine that is to be kept',
      'twins of one stamp: refuses to remove the machine of another contract',
    ],
  },
  {
    flaw: 'removes any machine for a twin',
    alter: (good, core) => ({ ...good, removeTwin: async (twin) => core.admin.lose(twin) }),
    caughtBy: ['twins of one stamp: refuses to remove a stranger'],
  },
];
