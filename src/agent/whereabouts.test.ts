import { beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from '../health/index.ts';
import { MACHINE, told, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord, InstanceData } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import { type Log, silentLog } from '../ports/log.ts';
import type { AgentDeps, GatewayDeps } from './deps.ts';
import { only } from './fixtures.ts';
import type { Target } from './target.ts';
import { Whereabouts } from './whereabouts.ts';

const KEY = 'SHA256:its-own';
const NEIGHBOUR = 'cd34'.repeat(16) as ContractId;
const ITSELF: Answer = { state: 'answers', latencyMs: 1, hostKey: KEY };
const ANOTHER: Answer = { state: 'answers', latencyMs: 1, hostKey: 'SHA256:of-another' };

const delivered: ContractRecord = { ...told(...upTo('deliver')), goal: 'keep', hostKey: KEY };
const at = (host: string): InstanceData => ({ ...MACHINE, ipv4: host, ssh: { host, port: 2200, user: 'root' } });
const record: ContractRecord = { ...delivered, instance: at('10.0.0.5') };

let knocks: string[];
let answer: () => Promise<Answer>;
let holder: ContractId | undefined;
let warnings: object[];
let hears: GatewayDeps['port']['hears'];
let whereabouts: Whereabouts;

beforeEach(() => {
  [knocks, warnings, holder] = [[], [], undefined];
  answer = async () => ITSELF;
  hears = 'everybody';
  begin();
});

const begin = (): void => {
  const log: Log = { ...silentLog, warn: (fields) => void warnings.push(fields) };
  whereabouts = new Whereabouts({
    deps: only<AgentDeps>({
      vault: only<AgentDeps['vault']>({}),
      gateway: only<GatewayDeps>({ port: only<GatewayDeps['port']>({ hears }) }),
      knock: async ({ host, port }, signal) => {
        knocks.push(`${host}:${port}`);
        return Promise.race([
          answer(),
          new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        ]);
      },
    }),
    target: only<Target>({ provisioner: only<Target['provisioner']>({ capabilities: { readiness: 'ssh' } }) }),
    log,
    holderOf: () => holder,
  });
};

describe('a machine that a list shows', () => {
  it('where it was has not moved, and nobody is asked', async () => {
    expect(await whereabouts.hasMoved(record, at('10.0.0.5'))).toBe(false);
    expect(knocks).toEqual([]);
  });

  it('at another private address has moved when it shows its host key there', async () => {
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(true);
    expect(knocks).toEqual(['10.0.0.6:2200']);
    expect(whereabouts.doubt).toBeUndefined();
  });

  it.each<[string, Answer, string]>([
    ['another key', ANOTHER, 'another'],
    ['no key that we know a way to', { state: 'answers', latencyMs: 1 }, 'another'],
    ['nobody', { state: 'silent' }, 'nobody'],
    ['what cannot be asked', { state: 'cannot-ask', why: 'no route' }, 'nobody'],
  ])('where there is %s has not, which is said once', async (_, said, found) => {
    answer = async () => said;
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(false);
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(false);
    expect(whereabouts.doubt).toEqual({ address: '10.0.0.6', found });
    expect(warnings).toHaveLength(1);
    expect(await whereabouts.hasMoved(record, at('10.0.0.5'))).toBe(false);
    expect(whereabouts.doubt).toBeUndefined();
  });

  it('where nobody could be heard is believed, and one that answers with another key is not', async () => {
    hears = 'machines with ports';
    begin();
    answer = async () => ({ state: 'silent' });
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(true);
    answer = async () => ANOTHER;
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(false);
  });

  it('where another one of ours is has not, and that one is not asked', async () => {
    holder = NEIGHBOUR;
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(false);
    expect(knocks).toEqual([]);
    expect(whereabouts.doubt).toEqual({ address: '10.0.0.6', found: 'another', holder: NEIGHBOUR });
  });

  it.each(['8.8.8.8', '127.0.0.1', '169.254.169.254', 'evil.example'])(
    'at %s is not looked for there',
    async (host) => {
      expect(await whereabouts.hasMoved(record, at(host))).toBe(false);
      expect(knocks).toEqual([]);
    },
  );

  it('is believed while nobody knows a host key of it', async () => {
    const { hostKey: _hostKey, ...unknown } = record;
    expect(await whereabouts.hasMoved(unknown, at('10.0.0.6'))).toBe(true);
    expect(knocks).toEqual([]);
  });

  it('is asked for once at a time, however often lists show it', async () => {
    let arrive = (_answer: Answer): void => {};
    answer = () => new Promise((resolve) => (arrive = resolve));
    const first = whereabouts.hasMoved(record, at('10.0.0.6'));
    expect(await whereabouts.hasMoved(record, at('10.0.0.6'))).toBe(false);
    arrive(ITSELF);
    expect(await first).toBe(true);
    expect(knocks).toHaveLength(1);
  });

  it('is not looked for any longer when nobody works on its contract any more', async () => {
    answer = () => new Promise(() => {});
    const asked = whereabouts.hasMoved(record, at('10.0.0.6'));
    whereabouts.stop();
    expect(await asked).toBe(false);
  });
});
