import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openCredentials } from '../../src/identity/credentials.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { parseContractId } from '../../src/ports/ids.ts';
import type { Log } from '../../src/ports/log.ts';
import { Secret } from '../../src/ports/secret.ts';
import { World } from './world.ts';

const SEED = new Secret('7e'.repeat(32));
const TENANT = createSigner(SEED).publicKey;
const MINUTE = 60_000;

type Config = Record<string, string>;

/** A handed-over contract of an offering with this configuration, and everything that was said to the platform. */
async function handedOver(config: Config, seed = 1) {
  const logged: string[] = [];
  const world = new World({ seed, log: recorder(logged) });
  const host = world.addHost();
  world.boot(host);
  await world.run(1_000);
  const { admin } = world.platform;
  const said: string[] = [];
  world.platform.onExchange(({ request }) => void said.push(JSON.stringify(request)));
  const offering = admin.offering(world.provider, {
    ...world.offering,
    offering_id: 'sealed',
    provisioner_config: JSON.stringify(config),
  });
  const contract = world.rent({ offering });
  await world.run(5 * MINUTE, () => contract.status === 'active' || contract.status === 'provisioningfailed');
  await world.run(MINUTE);
  return { world, host, contract, said, logged };
}

/** Everything that is logged, before any redaction. */
function recorder(lines: string[]): Log {
  const write = (fields: object, message: string): void =>
    void lines.push(`${message} ${inspect(fields, { depth: 9 })}`);
  return { debug: write, info: write, warn: write, error: write, child: () => recorder(lines) };
}

/** What the tenant's key makes of what the platform has for the tenant. */
function opened(envelope: string | undefined, contractId: string): string {
  const sealed = JSON.parse(envelope ?? '{}').password;
  return openCredentials(sealed, SEED, parseContractId(contractId)).reveal();
}

describe('a password of a tenant whose key is known', () => {
  it('is sealed on this host: neither the platform nor the disk nor the log ever has it in clear', async () => {
    const { world, host, contract, said, logged } = await handedOver({ tenant_pubkey: TENANT });
    expect(host.process?.agent?.resetPassword(contract.id)).toBeUndefined();
    await world.run(2 * MINUTE);
    const password = opened(contract.envelope, contract.id);
    const machine = world.machine(world.machinesOf(contract.id)[0] ?? '');
    expect(machine?.hasPassword(password)).toBe(true);
    expect(said.filter((one) => one.includes(password))).toEqual([]);
    expect(logged.length).toBeGreaterThan(10);
    expect(logged.filter((one) => one.includes(password))).toEqual([]);
    const disk = [...host.disk.files.values()].map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join('');
    expect(disk).not.toContain(password);
    const record = [...(host.process?.ledger?.records.values() ?? [])].find((one) => one.contract === contract.id);
    expect(record?.credential?.sealedFor).toBe(TENANT);
    expect(openCredentials(record?.credential?.envelope ?? '', SEED).reveal()).toBe(password);
  });

  it('stays sealed when the agent dies at any moment of the reset', async () => {
    for (let call = 0; call < 14; call += 2) {
      const { world, host, contract, said } = await handedOver({}, 3);
      const { process } = host;
      if (process === undefined) throw new Error('it does not run');
      process.agent?.resetPassword(contract.id, TENANT);
      process.killAt = { call: process.calls + call, when: 'before' };
      await world.run(10 * MINUTE);
      // The operator's wish may be gone with the process, but then nothing was begun.
      if (contract.envelope === undefined) continue;
      const password = opened(contract.envelope, contract.id);
      expect(world.machine(world.machinesOf(contract.id)[0] ?? '')?.hasPassword(password)).toBe(true);
      expect(said.filter((one) => one.includes(password))).toEqual([]);
    }
  });

  it('is not made for a key that is none: the order fails before there is a machine', async () => {
    const { world, contract } = await handedOver({ tenant_pubkey: `02${'00'.repeat(31)}` });
    expect(contract.status).toBe('provisioningfailed');
    expect(world.machinesOf(contract.id)).toEqual([]);
  });
});

it('a password of a tenant whose key is not known goes out for the platform to seal', async () => {
  const { world, host, contract } = await handedOver({});
  host.process?.agent?.resetPassword(contract.id);
  await world.run(2 * MINUTE);
  const password = JSON.parse(contract.envelope ?? '{}').password;
  expect(world.machine(world.machinesOf(contract.id)[0] ?? '')?.hasPassword(password)).toBe(true);
  const [record] = [...(host.process?.ledger?.records.values() ?? [])].filter((one) => one.contract === contract.id);
  expect(record?.credential).toBeUndefined();
});
