import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inProcessProxmox } from './in-process.ts';
import { type Bench, createBench } from './test/client.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench({ nodes: ['pve', 'pve2'] });
});

afterEach(() => bench.core.close());

function request(signal = new AbortController().signal): Parameters<ReturnType<typeof inProcessProxmox>>[0] {
  const authorization = `PVEAPIToken=${bench.token.id}=${bench.token.secret}`;
  return { method: 'GET', path: '/api2/json/version', headers: { authorization }, signal };
}

describe('a call without sockets', () => {
  it('takes its latency both ways', async () => {
    const send = inProcessProxmox(bench.core, { clock: bench.clock, latencyMs: 400 });
    const start = bench.clock.now();
    expect(await bench.settle(send(request()))).toMatchObject({ status: 200, statusText: 'OK' });
    expect(bench.clock.now() - start).toBeGreaterThanOrEqual(800);
  });

  it('is never sent when it was given up before, and processed when it was given up after', async () => {
    const send = inProcessProxmox(bench.core, { clock: bench.clock, latencyMs: 400 });
    await expect(send(request(AbortSignal.abort(new Error('changed my mind'))))).rejects.toThrow('changed my mind');
    expect(bench.core.calls).toEqual([]);
    const giveUp = new AbortController();
    const sent = send(request(giveUp.signal));
    // Aborted after this turn, so that somebody listens by then.
    queueMicrotask(() => giveUp.abort(new Error('too slow')));
    await expect(sent).rejects.toThrow('too slow');
    await bench.pass(1_000);
    expect(bench.core.calls).toEqual(['GET /version']);
  });

  it('can be made to any node', async () => {
    const send = inProcessProxmox(bench.core, { clock: bench.clock, node: 'pve2' });
    await bench.settle(bench.core.admin.nodeDown('pve'));
    expect((await bench.settle(send(request()))).status).toBe(200);
    await bench.settle(bench.core.admin.nodeDown('pve2'));
    await expect(bench.settle(send(request()))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
