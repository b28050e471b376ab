import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentId, ContractId, OperationId } from '../../src/provisioner/index.ts';
import { judge, objection } from './judge.ts';
import { describeMachine, isStamped, type MachineStamp, readStamp, restamp } from './stamp.ts';

const stamp: MachineStamp = {
  agent: 'a'.repeat(64) as AgentId,
  contract: 'c'.repeat(64) as ContractId,
  operation: '0'.repeat(32) as OperationId,
  vmid: 100_123,
  name: 'dc-cccccccccccccccc',
  stage: 'cloned',
};

describe('the stamp of a machine', () => {
  it('is read back from the description that it was written into', () => {
    expect(readStamp(describeMachine(stamp))).toEqual(stamp);
    expect(readStamp(`${describeMachine(stamp)}\n`)).toEqual(stamp);
    expect(readStamp(describeMachine(stamp).replaceAll('\n', '\r\n'))).toEqual(stamp);
  });

  it('survives what an operator writes around it, and changes its stage without touching that', () => {
    const noted = `call Bob first\n\n${describeMachine(stamp)}\nrack 7`;
    expect(readStamp(noted)).toEqual(stamp);
    const after = restamp(noted, { ...stamp, stage: 'configured' });
    expect(readStamp(after)).toEqual({ ...stamp, stage: 'configured' });
    expect(after).toContain('call Bob first');
    expect(after).toContain('rack 7');
  });

  it('is added to a description without one', () => {
    const after = restamp('my notes', stamp);
    expect(after.startsWith('my notes\n')).toBe(true);
    expect(readStamp(after)).toEqual(stamp);
    expect(readStamp(restamp(undefined, stamp))).toEqual(stamp);
  });

  it('counts only once: two of them say nothing, and neither does a damaged one', () => {
    const whole = describeMachine(stamp);
    expect(readStamp(`${whole}\n${whole}`)).toBeUndefined();
    for (const damaged of [whole.slice(0, -3), whole.replace('agent=aa', 'agent=zz'), whole.replace('v1', 'v2')]) {
      expect(isStamped(damaged)).toBe(true);
      expect(readStamp(damaged)).toBeUndefined();
    }
    expect(isStamped('about dc-agent-stamp: a line')).toBe(false);
  });

  it('is never read out of arbitrary text', () => {
    fc.assert(fc.property(fc.string(), (text) => readStamp(text) === undefined));
  });
});

describe('whose a guest is', () => {
  const at = { node: 'pve', vmid: stamp.vmid };
  const config = { description: describeMachine(stamp), name: stamp.name, digest: 'd' };

  it('is told by a stamp that names this agent and this VMID', () => {
    expect(judge(at, config, stamp.agent)).toMatchObject({ whose: 'ours', machine: { vmid: stamp.vmid, stamp } });
  });

  it('is somebody else’s when an operator cloned the machine, or made a template of it', () => {
    expect(judge({ ...at, vmid: 200 }, config, stamp.agent)).toMatchObject({
      whose: 'others',
      why: 'it is a copy of VM 100123',
    });
    expect(judge(at, { ...config, template: '1' }, stamp.agent)).toMatchObject({ whose: 'others' });
    expect(judge(at, { digest: 'd' }, stamp.agent)).toMatchObject({ whose: 'others', why: 'it carries no stamp' });
    expect(judge(at, config, 'b'.repeat(64) as AgentId)).toMatchObject({ whose: 'others' });
  });

  it('is unclear when the stamp is damaged', () => {
    const description = config.description.replace('vmid=', 'vmid');
    expect(judge(at, { ...config, description }, stamp.agent)).toMatchObject({ whose: 'unclear' });
  });

  it('lets nobody act on a machine of another operation, or one that an operator renamed', () => {
    expect(objection(at, config, stamp)).toBeUndefined();
    expect(objection(at, config, { ...stamp, operation: '1'.repeat(32) as OperationId })).toContain('another contract');
    expect(objection(at, { ...config, name: 'keep-me' }, stamp)).toContain(
      "renamed from 'dc-cccccccccccccccc' to 'keep-me'",
    );
  });
});
