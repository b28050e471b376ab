import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import type { Answer } from '../health/index.ts';
import { andThen, CONTRACT, done, goal, MACHINE, told, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord } from '../lifecycle/index.ts';
import { type HealthReport, type PlatformApi, PlatformError } from '../platform/api.ts';
import type { ContractId, ExternalId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import type { Instance, Observed, PowerState, Provisioner } from '../provisioner/contract.ts';
import type { AgentDeps, AgentSettings } from './deps.ts';
import { only } from './fixtures.ts';
import { HealthLane } from './health.ts';
import type { Target } from './target.ts';
import type { Worker } from './worker.ts';

const INTERVAL_MS = 300_000;
const BROKEN_HOST = '192.0.2.66';
const SILENT: Answer = { state: 'silent' };
const ANSWERS: Answer = { state: 'answers', hostKey: 'SHA256:x', latencyMs: 12.4 };

let time: VirtualTime;
let sent: { readonly at: number; readonly contract: ContractId; readonly report: HealthReport }[];
let samples: string[];
/** What the door answers from the front; the last one stays. */
let answers: Answer[];
let asked: number;
let power: PowerState | undefined;
let problem: string | undefined;
let observed: Observed | undefined;
let needsLogin: boolean;
let record: ContractRecord;
let platformDown: boolean;
let workers: Map<ContractId, Worker>;
let lane: HealthLane;

beforeEach(() => {
  time = new VirtualTime();
  sent = [];
  samples = [];
  answers = [ANSWERS];
  asked = 0;
  power = 'running';
  problem = undefined;
  observed = undefined;
  needsLogin = true;
  platformDown = false;
  const ssh = { host: '192.0.2.7', port: 22, user: 'root' };
  record = { ...told(...upTo('release')), hostKey: 'SHA256:x', instance: { ...MACHINE, ssh } };
  workers = new Map([[CONTRACT, worker(CONTRACT)]]);
  lane = new HealthLane({ deps: deps(), workers });
});

function worker(contract: ContractId): Worker {
  const target = only<Target>({
    get can() {
      return { stop: true, start: true, needsLogin, setKeys: false, setPassword: false };
    },
    provisioner: only<Provisioner>({
      capabilities: { readiness: 'ssh' },
      observe: async () => observed ?? { state: 'unknown', why: 'not asked' },
    }),
    get problem() {
      return problem;
    },
    seenOf: () =>
      power === undefined ? undefined : only<Instance>({ externalId: '1' as ExternalId, power, uptimeMs: 61_000 }),
  });
  return only<Worker>({
    contract,
    get record() {
      return record;
    },
    target,
    log: silentLog,
  });
}

function deps(): AgentDeps {
  return only<AgentDeps>({
    agent: 'a0'.repeat(32) as AgentDeps['agent'],
    // There is none, and that is asked.
    ...({ gateway: undefined } as object),
    clock: time,
    random: new SeededRandom(1),
    log: silentLog,
    settings: only<AgentSettings>({ healthIntervalMs: INTERVAL_MS }),
    ledger: only<AgentDeps['ledger']>({ records: new Map(), quarantined: new Map() }),
    platform: only<PlatformApi>({
      reportHealth: async (contract, report) => {
        if (platformDown) throw new PlatformError('unreachable', 'no answer');
        sent.push({ at: time.monotonic(), contract, report });
      },
    }),
    knock: async ({ host }) => {
      if (host === BROKEN_HOST) throw new TypeError('a fault');
      asked++;
      return (answers.length > 1 ? answers.shift() : answers[0]) ?? SILENT;
    },
    uptime: {
      record: async (_contract, { state }) => void samples.push(state),
      forget: async () => {},
      problem: undefined,
    },
  });
}

/** Runs for so long and returns the latest report, or undefined. */
async function runs(ms: number): Promise<HealthReport | undefined> {
  lane.look.start();
  lane.report.start();
  await time.advance(ms);
  return sent.at(-1)?.report;
}

async function later(ms: number): Promise<HealthReport | undefined> {
  await time.advance(ms);
  return sent.at(-1)?.report;
}

describe('the health of a machine that should run', () => {
  it('is good when its SSH server answers, with the time that took', async () => {
    expect(await runs(10_000)).toMatchObject({
      status: 'healthy',
      latencyMs: 12,
      details: '{"uptime_seconds":61}',
    });
    expect(samples).toEqual(['up']);
  });

  it('is good when a tenant has changed the host key, and says so', async () => {
    answers = [{ state: 'answers', hostKey: 'SHA256:y', latencyMs: 3 }];
    expect(await runs(10_000)).toMatchObject({ status: 'healthy', details: expect.stringContaining('host key') });
  });

  it('is not doubted for one silence', async () => {
    answers = [SILENT, ANSWERS];
    expect(await runs(10_000)).toMatchObject({ status: 'healthy' });
    expect(asked).toBe(2);
  });

  it('is bad after two silences, and says nothing of where it was looked for', async () => {
    answers = [SILENT];
    expect(await runs(10_000)).toMatchObject({ status: 'unhealthy', details: 'the SSH server does not answer' });
    expect(asked).toBe(2);
  });

  it('is known although the backend cannot be read', async () => {
    problem = 'down';
    const report = await runs(10_000);
    expect(report).toMatchObject({ status: 'healthy' });
    expect(report?.details).toBeUndefined();
  });

  it('is unknown only where this host could not ask', async () => {
    answers = [{ state: 'cannot-ask', why: 'ENETUNREACH' }];
    expect(await runs(10_000)).toMatchObject({ status: 'unknown' });
    expect(samples).toEqual(['unknown']);
  });

  it('is believed to be bad when the list shows it off and its door is shut', async () => {
    power = 'stopped';
    answers = [SILENT];
    expect(await runs(10_000)).toMatchObject({ status: 'unhealthy', details: 'the machine is off' });
    expect(asked).toBe(1);
  });

  it('is good when it answers although a list shows it off', async () => {
    power = 'stopped';
    expect(await runs(10_000)).toMatchObject({ status: 'healthy' });
  });

  it('is asked of the backend a second time where there is no door to knock at', async () => {
    needsLogin = false;
    power = 'stopped';
    observed = { state: 'present', instance: only<Instance>({ power: 'running', uptimeMs: 1 }) };
    expect(await runs(10_000)).toMatchObject({ status: 'healthy' });
    expect(asked).toBe(0);
  });
});

describe('a change', () => {
  it('in the list is looked at and reported at once', async () => {
    await runs(10_000);
    power = 'stopped';
    answers = [SILENT];
    lane.listed();
    expect(await later(5_000)).toMatchObject({ status: 'unhealthy' });
    expect(sent).toHaveLength(2);
  });

  it('from none to a first machine is looked at with the next list, and not when the lane would have woken by itself', async () => {
    const first = workers.get(CONTRACT);
    workers.clear();
    expect(await runs(10_000)).toBeUndefined();
    workers.set(CONTRACT, first ?? worker(CONTRACT));
    lane.listed();
    expect(await later(5_000)).toMatchObject({ status: 'healthy' });
  });

  it('that nobody listed is found within the interval, and its end within a minute and a half', async () => {
    await runs(10_000);
    answers = [SILENT];
    expect(await later(INTERVAL_MS * 1.3)).toMatchObject({ status: 'unhealthy' });
    answers = [ANSWERS];
    expect(await later(90_000)).toMatchObject({ status: 'healthy' });
    expect(sent.map(({ report }) => report.status)).toEqual(['healthy', 'unhealthy', 'healthy']);
  });

  it('is reported once, and the same state again only after the interval', async () => {
    answers = [SILENT];
    await runs(INTERVAL_MS * 10);
    expect(sent.length).toBeGreaterThanOrEqual(9);
    expect(sent.length).toBeLessThanOrEqual(13);
  });
});

describe('while the platform is away', () => {
  it('machines are looked at all the same, and the latest is reported when it is back', async () => {
    platformDown = true;
    await runs(INTERVAL_MS * 6);
    expect(samples.length).toBeGreaterThanOrEqual(5);
    platformDown = false;
    await later(120_000);
    expect(sent.length).toBeGreaterThanOrEqual(1);
    expect(sent.length).toBeLessThanOrEqual(2);
  });
});

describe('a fault of our own', () => {
  it('costs one machine its look and the others nothing', async () => {
    const broken = `${'0'.repeat(63)}1` as ContractId;
    const elsewhere = { ...MACHINE, ssh: { host: BROKEN_HOST, port: 22, user: 'root' } };
    const { target } = worker(broken);
    workers.set(
      broken,
      only<Worker>({ contract: broken, log: silentLog, target, record: { ...record, instance: elsewhere } }),
    );
    await runs(INTERVAL_MS * 2);
    const of = (contract: ContractId): string[] =>
      sent.filter((one) => one.contract === contract).map(({ report }) => report.status);
    expect(of(CONTRACT)[0]).toBe('healthy');
    expect(of(broken)[0]).toBe('unknown');
  });
});

describe('many machines', () => {
  const FLEET = 50;
  function fleet(): void {
    for (let index = 0; index < FLEET - 1; index++) {
      const contract = index.toString(16).padStart(64, '0') as ContractId;
      workers.set(contract, worker(contract));
    }
  }

  it('are reported once per interval each, evenly spread, never more than 30 in a minute', async () => {
    fleet();
    await runs(INTERVAL_MS * 5);
    for (const contract of workers.keys()) {
      const own = sent.filter((one) => one.contract === contract).map(({ at }) => at);
      expect(own.length).toBeGreaterThanOrEqual(4);
      for (const [index, at] of own.slice(1).entries()) expect(at - (own[index] ?? 0)).toBeLessThan(INTERVAL_MS * 1.3);
    }
    for (const { at } of sent)
      expect(sent.filter((one) => one.at >= at && one.at < at + 60_000).length).toBeLessThan(40);
  });

  it('that hang keep nobody from being looked at in time', async () => {
    fleet();
    const silent = deps();
    const slow = {
      ...silent,
      knock: async () => new Promise<Answer>((resolve) => void time.after(5_000, () => resolve(SILENT))),
    };
    lane = new HealthLane({ deps: slow, workers });
    await runs(INTERVAL_MS * 3);
    expect(new Set(sent.map(({ contract }) => contract)).size).toBe(FLEET);
  });
});

describe('a machine that is paused', () => {
  it('is neither asked nor reported, and the log says why', async () => {
    record = andThen(andThen(record, goal('stop')), done('stop'));
    power = 'stopped';
    expect(await runs(INTERVAL_MS * 2)).toBeUndefined();
    expect(asked).toBe(0);
    expect(new Set(samples)).toEqual(new Set(['paused']));
    expect(lane.viewOf(CONTRACT)).toMatchObject({ state: 'paused', details: 'stopped: the contract is paused' });
  });
});
