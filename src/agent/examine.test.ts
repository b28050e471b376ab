import { expect, it } from 'vitest';
import { GatewayError, type Proof } from '../gateway/port.ts';
import type { ContractRecord } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Instance } from '../provisioner/contract.ts';
import type { AgentDeps } from './deps.ts';
import { examine, type Finding } from './examine.ts';
import { only } from './fixtures.ts';
import type { Worker } from './worker.ts';

const HANDED_OVER = 'SHA256:handed-over';
const ANSWERED_AT = 1_700_000_000_000;
const ELSEWHERE = { ok: false, why: 'another machine', stranger: true } as const;

interface Shown {
  /** What the list of its backend shows. */
  readonly power?: Instance['power'] | 'nothing';
  readonly problem?: string;
}

/** A machine behind this host that answers with this key, and what the proof of its port finds. */
function look(hostKey: string, prove: () => Promise<Proof>, shown: Shown = {}): Promise<Finding> {
  const { power = 'running', problem } = shown;
  const record = only<ContractRecord>({
    contract: 'c0'.repeat(32) as ContractId,
    goal: 'keep',
    machine: 'made',
    routeState: 'open',
    route: { slug: 'abc123', firstPort: 20_000, portCount: 10 },
    hostKey: HANDED_OVER,
    order: { offering: 'small', sshKey: '', settings: {} },
    ...({ hostKeyTrust: undefined } as object),
    instance: only<NonNullable<ContractRecord['instance']>>({
      ipv4: '10.77.0.2',
      ...({ publicIp: undefined, ipv6: undefined, mac: undefined } as object),
      ssh: { host: '10.77.0.2', port: 22, user: 'root' },
    }),
  });
  const deps = only<AgentDeps>({
    clock: only<AgentDeps['clock']>({ now: () => ANSWERED_AT }),
    knock: async () => ({ state: 'answers', latencyMs: 3, hostKey }),
    gateway: only<NonNullable<AgentDeps['gateway']>>({
      port: only<NonNullable<AgentDeps['gateway']>['port']>({ publicIp: '203.0.113.1', prove }),
    }),
  });
  const target = only<Worker['target']>({
    problem,
    provisioner: only<Worker['target']['provisioner']>({ capabilities: { readiness: 'ssh' } }),
    can: only<Worker['target']['can']>({ needsLogin: true }),
    seenOf: () => (power === 'nothing' ? undefined : only<Instance>({ power, ...({ uptimeMs: undefined } as object) })),
  });
  const worker = only<Worker>({ record, target });
  return examine(deps, worker, 'up', new AbortController().signal);
}

const unasked = async (): Promise<Proof> => {
  throw new Error('it is not asked');
};

it('a machine that shows the key it was handed over with is up, and nothing more is asked', async () => {
  expect(await look(HANDED_OVER, unasked)).toMatchObject({ state: 'up', at: ANSWERED_AT });
});

it('another machine that answers at its port does not make it up', async () => {
  const found = await look('SHA256:other', async () => ELSEWHERE);
  expect(found).toEqual({ state: 'down', details: 'its port leads to another machine' });
});

it('a new key of its own makes it no other machine', async () => {
  const found = await look('SHA256:other', async () => ({ ok: true }));
  expect(found).toMatchObject({ state: 'up', details: 'its host key is another than when it was handed over' });
});

it('what cannot be proved now is no outage', async () => {
  const away = async (): Promise<Proof> => {
    throw new GatewayError('retry', 'the helper is away');
  };
  expect(await look('SHA256:other', away)).toMatchObject({ state: 'up' });
  expect(await look('SHA256:other', async () => ({ ok: false, why: 'no answer' }))).toMatchObject({ state: 'up' });
});

it('a stranger at the address of a machine that no list shows running is not that machine', async () => {
  const unproved = async (): Promise<Proof> => ({ ok: false, why: 'no answer' });
  expect(await look('SHA256:other', unproved, { power: 'nothing' })).toEqual({
    state: 'unknown',
    details: 'the backend does not show the machine',
  });
  expect(await look('SHA256:other', unproved, { power: 'transition' })).toMatchObject({ state: 'unknown' });
  expect(await look('SHA256:other', unproved, { power: 'nothing', problem: 'away' })).toMatchObject({ state: 'up' });
  expect(await look('SHA256:other', async () => ({ ok: true }), { power: 'nothing' })).toMatchObject({ state: 'up' });
  expect(await look(HANDED_OVER, unasked, { power: 'nothing' })).toMatchObject({ state: 'up' });
});
