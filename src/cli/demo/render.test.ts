import picocolors from 'picocolors';
import { describe, expect, test } from 'vitest';
import { DELIVERY, measure, quantile, type Stretch } from '../../../simulators/demo/figures.ts';
import { reportOf } from '../../../simulators/demo/report.ts';
import type { AgentEvent } from '../../telemetry/event-stream.ts';
import { renderReport } from './render.ts';

const colors = picocolors.createColors(false);

function event(at: number, type: string): AgentEvent {
  return { at, type: `contract.${type}`, text: type };
}

const EVENTS = [
  event(1_400, 'admitted'),
  event(1_401, 'intent.claim'),
  event(1_411, 'done.claim'),
  event(1_412, 'intent.announce'),
  event(1_420, 'done.announce'),
  event(1_421, 'intent.create'),
  event(1_500, 'failed.create'),
  event(2_500, 'intent.create'),
  event(2_921, 'done.create'),
  event(2_923, 'intent.verify'),
  event(3_000, 'done.verify'),
  event(3_001, 'intent.deliver'),
  event(3_010, 'done.deliver'),
  event(3_020, 'done.release'),
];

describe('the figures of a delivery', () => {
  test('each step counts from its first beginning to its last end, and what is between them is the agent’s', () => {
    expect(measure(EVENTS, 1_000, DELIVERY)).toEqual({
      waitMs: 400,
      steps: { claim: 10, announce: 8, create: 1_500, verify: 77, deliver: 9 },
      ownMs: 6,
      totalMs: 2_010,
    });
  });

  test('a delivery that did not come to its end has no figures', () => {
    expect(measure(EVENTS.slice(0, 10), 1_000, DELIVERY)).toBeUndefined();
  });

  test('the 95th percentile is a figure that was measured, per column', () => {
    const many = Array.from({ length: 20 }, (_, index): Stretch => {
      return { waitMs: index + 1, steps: { create: 20 - index }, ownMs: 1, totalMs: 22 };
    });
    expect(quantile(many, 0.95)).toEqual({ waitMs: 19, steps: { create: 19 }, ownMs: 1, totalMs: 22 });
    expect(quantile(many, 0.5)).toMatchObject({ waitMs: 10, steps: { create: 10 } });
    expect(quantile([], 0.5)).toBeUndefined();
  });
});

describe('the table', () => {
  const delivery = measure(EVENTS, 1_000, DELIVERY);
  const contract = (name: string) => ({
    contract: name.repeat(64),
    ssh: { host: '127.0.0.1', port: 1, user: 'root' },
    login: { command: 'true', output: '' },
    delivery,
    removal: undefined,
  });

  test('a few contracts have a line each, and what was not measured is left out', () => {
    const backend = { type: 'sandbox', title: 'sandbox', simulated: true };
    const text = renderReport(reportOf(backend, [contract('a'), contract('b')]), colors);
    expect(text).toContain('on sandbox (simulated)');
    expect(text).toContain('aaaaaaaa  400 ms  10 ms      8 ms   1.5 s   77 ms     9 ms   6 ms  2.0 s\nbbbbbbbb');
    expect(text).not.toContain('cancellation');
    expect(text).not.toContain('median  ');
  });

  test('many contracts are summed up', () => {
    const backend = { type: 'docker', title: 'Docker', simulated: false };
    const text = renderReport(reportOf(backend, Array.from('abcdef', contract)), colors);
    expect(text).toMatch(/^median +400 ms.*\n^p95 +400 ms/m);
    expect(text).not.toContain('aaaaaaaa');
    expect(text).not.toContain('simulated');
  });
});
