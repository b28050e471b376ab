import { expect, test } from 'vitest';
import { createVirtualClock } from '../../src/platform/virtual-clock.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { AGENT, openTarget, played } from './fixtures.ts';
import { bytesOf } from './traffic.ts';

test('bytes are summed up from the rates, and only what was not counted before is asked for', async () => {
  const clock = createVirtualClock();
  const opened = openTarget({ clock, options: { mbpsIn: 0.8, mbpsOut: 8 } });
  const { provisioner, core } = opened;
  const order = sampleOrder(AGENT);
  const op = operation(order.stamp);
  await played(clock, provisioner.create(order, op));
  expect(await played(clock, provisioner.traffic(op))).toEqual([
    { contract: order.stamp.contract, bytesIn: 0, bytesOut: 0 },
  ]);
  await clock.advance(3_600_000);
  const [hour] = await played(clock, provisioner.traffic(op));
  // 0.8 Mbit/s are 100 kB a second; the last two minutes may still be missing.
  expect(hour?.bytesIn).toBeGreaterThan(100_000 * 3_300);
  expect(hour?.bytesIn).toBeLessThan(100_000 * 3_800);
  expect((hour?.bytesOut ?? 0) / (hour?.bytesIn ?? 1)).toBeCloseTo(10);
  const asked = core.calls.get('GET /monitoring/metrics/droplet/bandwidth');
  expect(await played(clock, provisioner.traffic(op))).toEqual([hour]);
  expect(core.calls.get('GET /monitoring/metrics/droplet/bandwidth')).toBe(asked);
  await clock.advance(3_600_000);
  const [later] = await played(clock, provisioner.traffic(op));
  expect((later?.bytesIn ?? 0) / (hour?.bytesIn ?? 1)).toBeCloseTo(2, 1);
  await opened.close();
});

test('a half that cannot be read is not counted twice', async () => {
  const clock = createVirtualClock();
  const opened = openTarget({ clock, options: { mbpsIn: 0.8, mbpsOut: 0.8 } });
  const { provisioner, core } = opened;
  const order = sampleOrder(AGENT);
  const op = operation(order.stamp);
  await played(clock, provisioner.create(order, op));
  await played(clock, provisioner.traffic(op));
  await clock.advance(3_600_000);
  const call = 'GET /monitoring/metrics/droplet/bandwidth';
  core.faults.add({ call, match: 'outbound', fault: { kind: 'error', id: 'server_error' } });
  await expect(played(clock, provisioner.traffic(op))).rejects.toMatchObject({ kind: 'retry' });
  const [hour] = await played(clock, provisioner.traffic(op));
  expect(hour?.bytesIn).toBe(hour?.bytesOut);
  await opened.close();
});

test('of samples: a gap is not filled, and what is no rate counts nothing', () => {
  expect(bytesOf([], 0)).toBe(0);
  expect(bytesOf([[60, '8']], 0)).toBe(60_000_000);
  expect(bytesOf([[36_000, '8']], 0)).toBe(300_000_000);
  expect(
    bytesOf(
      [
        [60, 'NaN'],
        [120, '-3'],
        [180, '8'],
        [170, '8'],
      ],
      0,
    ),
  ).toBe(60_000_000);
});
