import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { admission, NOW, ORDER, toldAt } from '../lifecycle/fixtures.ts';
import type { OrderData } from '../lifecycle/index.ts';
import type { Capabilities } from '../provisioner/contract.ts';
import { asTold, passwordProblem, readLoginUser } from './login-user.ts';
import { planRecipe, RECIPE_DEFAULTS } from './recipe-order.ts';
import { userDataOf } from './user-data.ts';

const order = (settings: OrderData['settings']): OrderData => ({ ...ORDER, sshKey: 'ssh-ed25519 AAAA', settings });

function planned(settings: OrderData['settings'], capabilities: Partial<Capabilities>) {
  const target = { name: 'here', provisioner: { capabilities: { readiness: 'ssh' as const, ...capabilities } } };
  return planRecipe(order(settings), {}, target, RECIPE_DEFAULTS);
}

describe('the login user of an offering or a contract', () => {
  it('is taken out of the settings where the target sees to it', () => {
    const capabilities = { loginUser: true, settings: ['image'] } as const;
    expect(planned({ image: 'debian', ssh_user: 'deploy' }, capabilities)).toEqual({
      order: { ...order({ image: 'debian' }), user: 'deploy' },
    });
    expect(planned({ ssh_user: null }, { loginUser: true })).toEqual({ order: order({ ssh_user: null }) });
  });

  it('is the plugin’s own business elsewhere, and a setting that nobody reads is refused', () => {
    expect(planned({ ssh_user: 'deploy' }, {})).toEqual({ order: order({ ssh_user: 'deploy' }) });
    expect(planned({ ssh_user: 'deploy' }, { settings: [] })).toEqual({
      refused: 'target here knows no setting "ssh_user"',
    });
  });

  it.each(['Deploy', '', '-r', 'a b', 'root\n', 7, ['root'], 'x'.repeat(33)])('is refused as %j', (ssh_user) => {
    expect(readLoginUser(order({ ssh_user }), { loginUser: true })).toEqual({
      refused: expect.stringContaining('ssh_user of the offering or the contract: expected the name of a Linux user'),
    });
  });

  it('is made by cloud-init, and root need not be', () => {
    const vault = { seal: (text: string) => text, open: (text: string) => text, derive: () => new Uint8Array(32) };
    const capabilities = { readiness: 'ssh', userData: { maxBytes: 32_768, user: 'admin' } } as const;
    const users = (user: string) => {
      const record = toldAt(NOW, admission({ ...order({}), user }));
      return parse(userDataOf(record, { vault }, capabilities)?.reveal() ?? '').users;
    };
    expect(users('deploy')[1]).toMatchObject({ name: 'deploy', ssh_authorized_keys: ['ssh-ed25519 AAAA'] });
    expect(users('root')).toBeUndefined();
  });

  it('is the one that is told, whatever the target’s settings say', () => {
    const seen = { externalId: '7' as never, ssh: { host: '192.0.2.7', port: 22, user: 'root' } };
    expect(asTold(seen, 'deploy').ssh).toEqual({ host: '192.0.2.7', port: 22, user: 'deploy' });
    expect(asTold(seen, undefined)).toBe(seen);
    expect(asTold({ externalId: seen.externalId }, 'deploy')).not.toHaveProperty('ssh');
  });

  it('gets no password of a backend that makes them for root only', () => {
    const problem = (can: { setPassword?: true; newPassword?: true }, user?: string) => {
      const record = toldAt(NOW, admission({ ...order({}), ...(user === undefined ? {} : { user }) }));
      const provisioner = can.setPassword ? { setPassword: async () => ({ user: 'deploy' }) } : {};
      const target = { can: { setPassword: can.setPassword ?? can.newPassword ?? false }, provisioner };
      return passwordProblem({ target, record });
    };
    expect(problem({})).toBe('this backend cannot set passwords');
    expect(problem({ newPassword: true })).toBeUndefined();
    expect(problem({ newPassword: true }, 'root')).toBeUndefined();
    expect(problem({ newPassword: true }, 'deploy')).toContain('for root only');
    expect(problem({ setPassword: true }, 'deploy')).toBeUndefined();
  });
});
