import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import type { Guest, SshProbe } from '../guest/index.ts';
import { andThen, CONTRACT, done, goal, MACHINE, told, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord } from '../lifecycle/index.ts';
import type { HealthReport, PlatformApi } from '../platform/api.ts';
import type { ExternalId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import type { Instance, PowerState, Provisioner } from '../provisioner/contract.ts';
import type { AgentDeps, AgentSettings } from './deps.ts';
import { only } from './fixtures.ts';
import { healthLoop } from './health.ts';
import type { Target } from './target.ts';
import type { Worker } from './worker.ts';

const INTERVAL_MS = 300_000;
const SILENT: SshProbe = { state: 'not-yet', why: 'refused' };

let time: VirtualTime;
let reports: HealthReport[];
let probes: SshProbe[];
let asked: number;
let power: PowerState | undefined;
let problem: string | undefined;
let record: ContractRecord;

beforeEach(() => {
  time = new VirtualTime();
  reports = [];
  probes = [];
  asked = 0;
  power = 'running';
  problem = undefined;
  record = told(...upTo('release'));
  const ssh = { host: '192.0.2.7', port: 22, user: 'root' };
  record = { ...record, instance: { ...MACHINE, ssh } };
});

/** One pass and what was reported in it. */
async function pass(): Promise<HealthReport> {
  const target = only<Target>({
    can: { stop: true, start: true, needsLogin: true, setKeys: false, setPassword: false },
    provisioner: only<Provisioner>({ capabilities: { readiness: 'ssh' } }),
    get problem() {
      return problem;
    },
    seenOf: () =>
      power === undefined ? undefined : only<Instance>({ externalId: '1' as ExternalId, power, uptimeMs: 61_000 }),
  });
  const worker = only<Worker>({ contract: CONTRACT, record, target, log: silentLog });
  const loop = healthLoop({
    deps: only<AgentDeps>({
      clock: time,
      random: new SeededRandom(1),
      log: silentLog,
      settings: only<AgentSettings>({ healthIntervalMs: INTERVAL_MS }),
      platform: only<PlatformApi>({ reportHealth: async (_contract, report) => void reports.push(report) }),
      guest: only<Guest>({
        probeSsh: async () => {
          asked++;
          return probes.shift() ?? SILENT;
        },
      }),
    }),
    workers: new Map([[CONTRACT, worker]]),
  });
  loop.start();
  await time.advance(10_000);
  await loop.stop(new Error('over'));
  const report = reports.at(-1);
  if (report === undefined) throw new Error('nothing was reported');
  return report;
}

describe('the health of a machine that should run', () => {
  it('is good when its SSH server answers, with the time that took', async () => {
    probes = [{ state: 'ready', hostKey: 'SHA256:x', latencyMs: 12.4 }];
    expect(await pass()).toMatchObject({ status: 'healthy', latencyMs: 12, details: '{"uptime_seconds":61}' });
  });

  it('is good when a tenant has changed the keys, or the host key', async () => {
    probes = [{ state: 'key-refused', hostKey: 'SHA256:x' }];
    expect(await pass()).toMatchObject({ status: 'healthy' });
    probes = [{ state: 'wrong-host-key', hostKey: 'SHA256:y' }];
    expect(await pass()).toMatchObject({ status: 'healthy', details: expect.stringContaining('host key') });
  });

  it('is not doubted for one silence', async () => {
    probes = [SILENT, { state: 'ready', hostKey: 'SHA256:x', latencyMs: 3 }];
    expect(await pass()).toMatchObject({ status: 'healthy', latencyMs: 3 });
    expect(asked).toBe(2);
  });

  it('is bad after two silences, and says nothing of where it was looked for', async () => {
    expect(await pass()).toMatchObject({ status: 'unhealthy', details: 'the SSH server does not answer' });
    expect(asked).toBe(2);
  });

  it('is bad without asking when the backend shows it off', async () => {
    power = 'stopped';
    expect(await pass()).toMatchObject({ status: 'unhealthy' });
    expect(asked).toBe(0);
  });

  it('is known although the backend cannot be read', async () => {
    problem = 'down';
    probes = [{ state: 'ready', hostKey: 'SHA256:x', latencyMs: 3 }];
    const report = await pass();
    expect(report).toMatchObject({ status: 'healthy' });
    expect(report.details).toBeUndefined();
  });
});

describe('the health of a machine that is paused', () => {
  it('is not asked of the machine', async () => {
    record = andThen(andThen(record, goal('stop')), done('stop'));
    power = 'stopped';
    expect(await pass()).toMatchObject({ status: 'unhealthy', details: 'stopped: the contract is paused' });
    expect(asked).toBe(0);
  });
});
