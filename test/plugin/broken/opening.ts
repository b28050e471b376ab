import { ProvisionerError, Secret } from '../../../src/provisioner/index.ts';
import type { BrokenPlugin } from './index.ts';

/** Mistakes with keys and passwords. */
export const brokenOpening: readonly BrokenPlugin[] = [
  {
    flaw: 'adds keys and keeps the old ones',
    alter: (good, core) => ({
      ...good,
      setKeys: (ref, keys, op) =>
        good.setKeys(ref, [...(core.machines.get(ref.externalId ?? '')?.authorizedKeys ?? []), ...keys], op),
    }),
    caughtBy: ['keys and passwords: setKeys lets exactly the given keys in, and may be repeated'],
  },
  {
    flaw: 'sets a password of its own',
    alter: (good) => ({ ...good, setPassword: (ref, _password, op) => good.setPassword(ref, new Secret('12345'), op) }),
    caughtBy: ['keys and passwords: setPassword sets exactly the given one, says for whom, and may be repeated'],
  },
  {
    flaw: 'takes any trouble with keys and passwords for success',
    alter: (good) => ({
      ...good,
      setKeys: (ref, keys, op) => good.setKeys(ref, keys, op).catch(() => {}),
      setPassword: (ref, password, op) => good.setPassword(ref, password, op).catch(() => ({ user: 'root' })),
    }),
    caughtBy: [
      'ownership: refuses to set the keys of a stranger that has our external id',
      'ownership: refuses to set the password of a stranger that has our external id',
      "ownership: refuses to set the keys of a machine that carries another contract's stamp",
      "ownership: refuses to set the password of a machine that carries another contract's stamp",
      'keys and passwords: setKeys does not pretend to have done it when the machine is gone',
      'keys and passwords: setPassword does not pretend to have done it when the machine is gone',
      'keys and passwords: the password shows in none of the errors, and its failure is one',
    ],
  },
  {
    flaw: 'tells another new password than the one that it had made',
    alter: (good) => ({
      ...good,
      async newPassword(ref, op) {
        const { user } = await good.setPassword(ref, new Secret('12345'), op);
        return { user, password: new Secret('54321') };
      },
    }),
    caughtBy: ['keys and passwords: newPassword tells the one that opens the machine from then on, and for whom'],
  },
  {
    flaw: 'takes any trouble with a new password for success',
    alter: (good) => ({
      ...good,
      async newPassword(ref, op) {
        const password = new Secret('12345');
        const { user } = await good.setPassword(ref, password, op).catch(() => ({ user: 'root' }));
        return { user, password };
      },
    }),
    caughtBy: [
      'ownership: refuses to have a new password made for a stranger that has our external id',
      "ownership: refuses to have a new password made for a machine that carries another contract's stamp",
      'keys and passwords: newPassword does not pretend to have done it when the machine is gone',
    ],
  },
  {
    flaw: 'quotes the request that failed, password and all',
    alter: (good) => ({
      ...good,
      setPassword: (ref, password, op) =>
        good.setPassword(ref, password, op).catch((error: unknown) => {
          const cause = Object.assign(new Error('request failed'), { request: { body: { pw: password.reveal() } } });
          throw new ProvisionerError('retry', `no answer: ${String(error)}`, { cause });
        }),
    }),
    caughtBy: ['keys and passwords: the password shows in none of the errors, and its failure is one'],
  },
];
