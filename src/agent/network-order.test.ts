import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { admission, NOW, ORDER, toldAt } from '../lifecycle/fixtures.ts';
import type { Capabilities } from '../provisioner/contract.ts';
import type { AgentDeps } from './deps.ts';
import { networkOrder } from './network-order.ts';
import { machineOrder } from './target.ts';

const address = { ipv4: '10.77.0.2', prefixLength: 16, gateway: '10.77.0.1' };
const told = admission({ ...ORDER, sshKey: 'ssh-ed25519 AAAA' });
const record = {
  ...toldAt(NOW, told),
  route: { slug: 'abc123', firstPort: 20_000, portCount: 10, ipv4: address.ipv4 },
};
const capabilities: Capabilities = {
  readiness: 'ssh',
  address: true,
  networkConfig: { nameservers: ['9.9.9.9'] },
};

test('an order says what cloud-init is told of the address that the agent chose, the same for every attempt', () => {
  const deps = {
    agent: 'a'.repeat(64) as AgentDeps['agent'],
    vault: { seal: (text: string) => text, open: (text: string) => text, derive: () => new Uint8Array(32) },
    gateway: { network: '10.77.0.0/16' } as NonNullable<AgentDeps['gateway']>,
  };
  const order = machineOrder(record, deps, capabilities);
  expect(order).toMatchObject({ address, network: { mac: expect.stringMatching(/^02(:[0-9a-f]{2}){5}$/) } });
  expect(parse(order.network?.config ?? '').ethernets.eth0).toMatchObject({
    match: { macaddress: order.network?.mac },
    addresses: ['10.77.0.2/16'],
    routes: [{ to: '0.0.0.0/0', via: '10.77.0.1' }],
    nameservers: { addresses: ['9.9.9.9'] },
  });
  expect(machineOrder(record, deps, capabilities).network).toEqual(order.network);
  const { networkConfig: _, ...without } = capabilities;
  expect(machineOrder(record, deps, without)).not.toHaveProperty('network');
});

test('two machines have two cards', () => {
  const other = 'f'.repeat(32) as typeof record.operation;
  expect(networkOrder(other, address, capabilities)?.mac).not.toBe(
    networkOrder(record.operation, address, capabilities)?.mac,
  );
});
