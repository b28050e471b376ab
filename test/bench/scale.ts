import { PlatformError } from '../../src/platform/api.ts';
import type { Bench, Curve, Figure, Findings, Scope } from './figure.ts';
import { type FleetOptions, Frontdoor, KINDS, oweReports, startFleet, unreachable } from './fleet.ts';
import { FleetTime } from './fleet-time.ts';
import { fullAgents } from './full-agents.ts';

export const scale: Bench = {
  name: 'scale',
  about: 'Ten thousand agents with a hundred machines each, against one platform, in virtual time.',
  run: measure,
};

const MACHINES = 100;
const OUTAGE_S = 3_600;
const SETTLED_S = 120;
const STEADY_S = 180;
const AFTER_S = 600;

async function measure(scope: Scope): Promise<Findings> {
  const agents = scope.quick ? 1_000 : 10_000;
  const usual: FleetOptions = {
    agents,
    machinesEach: MACHINES,
    workIntervalMs: 3_000,
    jitter: 'on',
    startedOverMs: 60_000,
  };
  scope.progress(`${agents} agents, an outage of an hour`);
  const refused = await outage(usual, () => unreachable());
  scope.progress('the same, announced by Retry-After');
  const announced = await outage(usual, announcedMaintenance);
  scope.progress('without jitter');
  const inStep = await started({ ...usual, jitter: 'off', startedOverMs: 0 });
  const spread = await started({ ...usual, startedOverMs: 0 });
  scope.progress('with work everywhere');
  const lively = await started({ ...usual, pools: 'lively' });
  scope.progress('with a slower poll');
  const slow = await started({ ...usual, workIntervalMs: 10_000 });
  scope.progress('whole agents, for comparison');
  const whole = await fullAgents(scope.quick ? 5 : 20, MACHINES);
  return {
    figures: [
      ...rates(refused, agents),
      ...recovery('an hour of refused connections', refused),
      ...recovery('an hour of 503 with a Retry-After that counts down', announced),
      peak('all agents started at once, jitter off: busiest second of minute 5', inStep),
      peak('all agents started at once, jitter on: busiest second of minute 5', spread),
      {
        what: 'work in every pool at once, so that all poll faster',
        value: lively.steady,
        unit: '/s',
        against: { what: 'all idle', value: refused.steady },
        promise: { of: 'ratio', atMost: 3 },
      },
      {
        what: 'a poll interval of 10 s in place of 3 s',
        value: slow.steady,
        unit: '/s',
        against: { what: '3 s', value: refused.steady },
      },
      {
        what: 'whole agents: calls of one agent in a minute',
        value: whole.steadyPerMinute,
        unit: '/min',
        against: { what: 'the loops of the model', value: (refused.steady * 60) / agents },
      },
      {
        what: 'whole agents: busiest minute after the outage',
        value: whole.busiestMinuteAfter,
        unit: '/min',
        against: { what: 'their steady minute', value: whole.steadyPerMinute },
        promise: { of: 'ratio', atMost: 3 },
      },
    ],
    curves: [
      recoveryCurve('recovery', 'The platform is away for an hour', refused, announced),
      startCurve(inStep, spread),
    ],
  };
}

/** The client believes no Retry-After beyond 15 minutes. */
function announcedMaintenance(leftMs: number): PlatformError {
  return new PlatformError('server', 'maintenance', { status: 503, retryAfterMs: Math.min(leftMs, 900_000) });
}

interface Outage {
  readonly door: Frontdoor;
  /** Requests a second, on average, before it. */
  readonly steady: number;
  readonly during: number;
  readonly endsAt: number;
  readonly peak: number;
  readonly owedAfter: number;
}

async function outage(options: FleetOptions, failure: (leftMs: number) => PlatformError): Promise<Outage> {
  const time = new FleetTime();
  const door = new Frontdoor(time);
  await startFleet(time, door, options);
  await time.advance((SETTLED_S + STEADY_S) * 1_000);
  const endsAt = SETTLED_S + STEADY_S + OUTAGE_S;
  door.failure = () => failure(endsAt * 1_000 - time.monotonic());
  const reports = oweReports(time, door, options.agents);
  await time.advance(OUTAGE_S * 1_000);
  door.failure = undefined;
  await time.advance(AFTER_S * 1_000);
  return {
    door,
    steady: mean(door.perSecond(SETTLED_S, STEADY_S)),
    during: mean(door.perSecond(endsAt - 1_800, 1_800)),
    endsAt,
    peak: Math.max(...door.perSecond(endsAt, AFTER_S)),
    owedAfter: reports.owed,
  };
}

interface Started {
  readonly door: Frontdoor;
  readonly steady: number;
  readonly peak: number;
}

async function started(options: FleetOptions): Promise<Started> {
  const time = new FleetTime();
  const door = new Frontdoor(time);
  await startFleet(time, door, options);
  await time.advance(300_000);
  const settled = door.perSecond(240, 60);
  return { door, steady: mean(settled), peak: Math.max(...settled) };
}

function rates({ door, steady }: Outage, agents: number): Figure[] {
  return [
    { what: `${agents} agents x ${MACHINES} machines: requests at the platform`, value: steady, unit: '/s' },
    ...KINDS.filter((kind) => kind !== 'owed report').map(
      (kind): Figure => ({
        what: `of which ${kind}`,
        value: mean(door.perSecond(SETTLED_S, STEADY_S, kind)),
        unit: '/s',
        against: { what: 'all', value: steady },
      }),
    ),
    {
      what: 'busiest second of three steady minutes',
      value: Math.max(...door.perSecond(SETTLED_S, STEADY_S)),
      unit: '/s',
      against: { what: 'mean', value: steady },
      promise: { of: 'ratio', atMost: 1.5 },
    },
  ];
}

function recovery(what: string, { steady, during, peak: highest, owedAfter }: Outage): Figure[] {
  const against = { what: 'steady', value: steady };
  return [
    { what: `${what}: attempts meanwhile`, value: during, unit: '/s', against },
    {
      what: `${what}: busiest second afterwards`,
      value: highest,
      unit: '/s',
      against,
      promise: { of: 'ratio', atMost: 3 },
    },
    {
      what: `${what}: reports still owed 10 minutes later`,
      value: owedAfter,
      unit: 'calls',
      promise: { of: 'value', atMost: 0 },
    },
  ];
}

function peak(what: string, { peak: highest, steady }: Started): Figure {
  return { what, value: highest, unit: '/s', against: { what: 'mean', value: steady } };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function recoveryCurve(name: string, title: string, refused: Outage, announced: Outage): Curve {
  const line = (label: string, { door, endsAt }: Outage) => ({
    name: label,
    points: door.perSecond(endsAt - 120, 420).map((count, index) => [index - 120, count] as const),
  });
  return {
    name,
    title,
    x: 'seconds since it is back',
    y: 'requests a second',
    scale: 'linear',
    series: [
      line('connections refused', refused),
      line('503 with Retry-After', announced),
      {
        name: '3 x steady',
        points: [
          [-120, 3 * refused.steady],
          [299, 3 * refused.steady],
        ],
      },
    ],
  };
}

function startCurve(inStep: Started, spread: Started): Curve {
  const line = (label: string, { door }: Started) => ({
    name: label,
    points: door.perSecond(240, 60).map((count, index) => [240 + index, count] as const),
  });
  return {
    name: 'in-step',
    title: 'The fifth minute after all agents were started at once',
    x: 'seconds since the start',
    y: 'requests a second',
    scale: 'linear',
    series: [line('without jitter', inStep), line('with jitter', spread)],
  };
}
