import { describe, expect, it } from 'vitest';
import { type Bench, bench, VM } from './test/bench.ts';

const FIREWALL = `${VM}/101/firewall`;

async function withMachine(): Promise<Bench> {
  const made = bench();
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, pool: 'dc' });
  return made;
}

describe('the firewall of a machine', () => {
  it('keeps options, and takes them away', async () => {
    const { call } = await withMachine();
    await call('PUT', `${FIREWALL}/options`, { enable: 1, ipfilter: 1, policy_in: 'DROP' }, 'agent');
    const { data } = await call('GET', `${FIREWALL}/options`);
    expect(data).toMatchObject({ enable: 1, ipfilter: 1, policy_in: 'DROP' });
    const stale = await call('PUT', `${FIREWALL}/options`, { delete: 'ipfilter', digest: 'f'.repeat(40) });
    expect(stale.text).toBe('detected modified configuration - file changed by other user? Try again.');
    await call('PUT', `${FIREWALL}/options`, { delete: 'ipfilter' });
    expect((await call('GET', `${FIREWALL}/options`)).data).not.toHaveProperty('ipfilter');
  });

  it('puts new rules on top, switched off unless they say otherwise', async () => {
    const { call } = await withMachine();
    await call('POST', `${FIREWALL}/rules`, { type: 'in', action: 'ACCEPT', comment: 'first' });
    await call('POST', `${FIREWALL}/rules`, { type: 'out', action: 'DROP', enable: 1, comment: 'second' });
    const list = async (): Promise<unknown> => (await call('GET', `${FIREWALL}/rules`)).data;
    expect(await list()).toMatchObject([
      { pos: 0, comment: 'second', enable: 1 },
      { pos: 1, comment: 'first', enable: 0 },
    ]);
    await call('PUT', `${FIREWALL}/rules/1`, { moveto: 0 });
    expect(await list()).toMatchObject([{ comment: 'first' }, { comment: 'second' }]);
    await call('DELETE', `${FIREWALL}/rules/0`);
    expect((await call('DELETE', `${FIREWALL}/rules/7`)).text).toBe('no rule at position 7');
    expect(await list()).toMatchObject([{ comment: 'second' }]);
  });

  it('keeps sets of addresses, each address once', async () => {
    const { call } = await withMachine();
    const set = `${FIREWALL}/ipset/ipfilter-net0`;
    await call('POST', `${FIREWALL}/ipset`, { name: 'ipfilter-net0' });
    expect((await call('POST', `${FIREWALL}/ipset`, { name: 'ipfilter-net0' })).status).toBe(400);
    await call('POST', set, { cidr: '10.10.10.31', comment: 'its own' });
    expect((await call('POST', set, { cidr: '10.10.10.31' })).status).toBe(400);
    expect((await call('GET', set)).data).toEqual([{ cidr: '10.10.10.31', comment: 'its own' }]);
    expect((await call('DELETE', set)).text).toBe("IPSet 'ipfilter-net0' is not empty");
    await call('DELETE', `${set}/10.10.10.31`);
    expect((await call('DELETE', set)).status).toBe(200);
    expect((await call('GET', set)).text).toBe("no such IPSet 'ipfilter-net0'");
  });

  it('goes with the machine', async () => {
    const { call, task } = await withMachine();
    await call('PUT', `${FIREWALL}/options`, { enable: 1 });
    await task('DELETE', `${VM}/101`);
    await task('POST', `${VM}/9000/clone`, { newid: 101 });
    expect((await call('GET', `${FIREWALL}/options`)).data).not.toHaveProperty('enable');
  });
});
