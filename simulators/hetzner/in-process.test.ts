import { describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';
import type { Fault } from './faults.ts';
import { inProcessHetzner } from './in-process.ts';
import { SIMULATOR_TOKEN } from './options.ts';

const never = new AbortController().signal;
const headers = { authorization: `Bearer ${SIMULATOR_TOKEN}` };
const create = { method: 'POST', path: '/servers', headers, body: JSON.stringify(ORDER), signal: never };

function wire(latencyMs = 0) {
  const { core, clock } = createCaller();
  return { core, clock, send: inProcessHetzner(core, { clock, latencyMs }) };
}

describe('the simulator without sockets', () => {
  test('answers as over a wire, each way taking its time', async () => {
    const { core, clock, send } = wire(20);
    const answer = send(create);
    clock.advance(19);
    expect(core.project.servers.size).toBe(0);
    clock.advance(1);
    expect(core.project.servers.size).toBe(1);
    clock.advance(20);
    expect(await answer).toMatchObject({ status: 201, headers: { 'content-type': 'application/json' } });
  });

  test.each<[Fault['kind'], code: string]>([
    ['refuse', 'ECONNREFUSED'],
    ['drop-before', 'ECONNRESET'],
    ['drop-after', 'ECONNRESET'],
    ['truncate', 'ECONNRESET'],
  ])('%s is an error with the code %s', async (kind, code) => {
    const { core, send } = wire();
    core.faults.add({ call: 'POST /servers', fault: { kind } as Fault });
    await expect(send(create)).rejects.toMatchObject({ code });
  });

  test('hang ends only with the caller’s patience, and the order stands', async () => {
    const { core, clock, send } = wire();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'hang' } });
    const patience = new AbortController();
    const answer = send({ ...create, signal: patience.signal });
    clock.advance(3_600_000);
    patience.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
    expect(core.project.servers.size).toBe(1);
  });

  test('a request that was sent is processed though its caller has gone', async () => {
    const { core, clock, send } = wire();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'delay', ms: 1_000, at: 'before' } });
    const patience = new AbortController();
    const answer = send({ ...create, signal: patience.signal });
    patience.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
    clock.advance(1_000);
    expect(core.project.servers.size).toBe(1);
  });

  test('a request that was given up before it was sent is not processed', async () => {
    const { core, send } = wire();
    await expect(send({ ...create, signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone');
    expect(core.calls.get('POST /servers')).toBeUndefined();
  });
});
