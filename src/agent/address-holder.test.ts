import { describe, expect, it } from 'vitest';
import { apply } from '../lifecycle/apply.ts';
import { admission, CONTRACT, done, intent, MACHINE, NOW, upTo } from '../lifecycle/fixtures.ts';
import type { ContractEvent, ContractRecord, InstanceData } from '../lifecycle/record.ts';
import type { ContractId } from '../ports/ids.ts';
import { addressHolder, type Sighting } from './address-holder.ts';

const ASKING = 'cd34'.repeat(16) as ContractId;
const at = (ipv4: string): InstanceData => ({ ...MACHINE, ipv4, ssh: { host: ipv4, port: 22, user: 'root' } });

function recordAt(contract: ContractId, ipv4: string, ...more: ContractEvent[]): ContractRecord {
  const events = [admission(), ...upTo('announce'), intent('create'), done('create', { instance: at(ipv4) }), ...more];
  let record: ContractRecord | undefined;
  for (const event of events) record = apply(record, contract, event, NOW);
  if (record === undefined) throw new Error('no record');
  return record;
}

describe('an address that a machine is said to have moved to', () => {
  const neighbour = recordAt(CONTRACT, '10.0.0.5');
  const holder = (sighting: Sighting, record = neighbour): ContractId | undefined =>
    addressHolder('10.0.0.5', ASKING, [recordAt(ASKING, '10.0.0.4'), record], () => sighting);

  it('is its neighbour’s while that is seen there, or not seen at all', () => {
    expect(holder(at('10.0.0.5'))).toBe(CONTRACT);
    expect(holder(undefined)).toBe(CONTRACT);
    const { ssh: _ssh, ...silent } = MACHINE;
    expect(holder(silent)).toBe(CONTRACT);
  });

  it('is free where its neighbour is seen elsewhere, so two machines may change places', () => {
    expect(holder(at('10.0.0.6'))).toBeUndefined();
  });

  it('is free where its neighbour is gone, never was made, or is closed', () => {
    expect(holder('absent')).toBeUndefined();
    expect(holder(undefined, recordAt(CONTRACT, '10.0.0.5', { type: 'closed', why: 'over' }))).toBeUndefined();
    expect(holder(undefined, { ...neighbour, machine: 'gone' })).toBeUndefined();
  });

  it('is its own whatever it says', () => {
    expect(
      addressHolder('10.0.0.4', ASKING, [recordAt(ASKING, '10.0.0.4'), neighbour], () => undefined),
    ).toBeUndefined();
  });

  it('goes by the address that we gave, where we give them', () => {
    const given: ContractRecord = {
      ...recordAt(CONTRACT, '10.0.0.9'),
      route: { slug: 'abc123', firstPort: 20_000, portCount: 10, ipv4: '10.0.0.5' },
    };
    expect(holder(undefined, given)).toBe(CONTRACT);
  });
});
