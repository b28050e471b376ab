import { describe, expect, it } from 'vitest';
import { SSH_KEY } from '../../test/simulation/world.ts';
import { CONTRACT } from '../lifecycle/fixtures.ts';
import type { PendingItem } from '../platform/api.ts';
import type { TargetName } from '../ports/ids.ts';
import { only } from './fixtures.ts';
import { readOrder, targetFor } from './take-work.ts';
import type { Target } from './target.ts';

const ITEM: PendingItem = { contract: CONTRACT, offering: 'small', sshKey: SSH_KEY };

function target(name: string, type: string): Target {
  return only<Target>({ name: name as TargetName, type });
}

describe('the tenant’s key', () => {
  const key = 'AB'.repeat(32);
  const orderOf = (sold: object, wished: object) =>
    readOrder({ ...ITEM, provisionerConfig: JSON.stringify(sold), instanceConfig: JSON.stringify(wished) });

  it('is taken out of the settings, the contract’s before the offering’s', () => {
    const read = orderOf({ tenant_pubkey: 'cd'.repeat(32), x: 1 }, { tenant_pubkey: key });
    expect(read).toMatchObject({ order: { tenantKey: key.toLowerCase(), settings: { x: 1 } } });
    expect('order' in read && read.order.settings).not.toHaveProperty('tenant_pubkey');
    expect(orderOf({ tenant_pubkey: key }, {})).toMatchObject({ order: { tenantKey: key.toLowerCase() } });
  });

  it.each([['short'], [7], ['xy'.repeat(32)]])('is refused when it is %j', (tenant_pubkey) => {
    expect(orderOf({}, { tenant_pubkey })).toEqual({ refused: expect.stringContaining('tenant_pubkey') });
  });
});

it('what is said about the web server is taken out of the settings, and what is wrong there is refused', () => {
  const item = {
    ...ITEM,
    provisionerConfig: '{"web_port":8080,"image":"debian"}',
    instanceConfig: '{"web_tls":"machine"}',
  };
  expect(readOrder(item)).toMatchObject({
    order: { settings: { image: 'debian' }, web: { port: 8080, tls: 'machine' } },
  });
  expect(readOrder({ ...ITEM, provisionerConfig: '{"web_port":0}' })).toEqual({
    refused: expect.stringContaining('web_port'),
  });
});

describe('the target of a contract', () => {
  const targets = [
    target('home', 'proxmox'),
    target('office', 'proxmox'),
    target('docker', 'script'),
    target('engine', 'docker'),
  ];
  const nameFor = (provisionerType: string | undefined): string | undefined =>
    targetFor({ ...ITEM, ...(provisionerType === undefined ? {} : { provisionerType }) }, targets)?.name;

  it.each([
    ['its name', 'office', 'office'],
    ['the first of its type', 'proxmox', 'home'],
    ['its name before its type', 'docker', 'docker'],
    ['the default when none is named', undefined, 'home'],
    ['the default when the name is empty', '', 'home'],
    ['nobody when we do not serve it', 'hetzner', undefined],
  ])('is found by %s', (_how, wanted, name) => {
    expect(nameFor(wanted)).toBe(name);
  });

  it('is never found by the word for the platform’s own resale, whatever a target is called', () => {
    const own = [target('hetzner', 'hetzner'), target('hcloud', 'hetzner')];
    expect(targetFor({ ...ITEM, provisionerType: 'hetzner' }, own)).toBeUndefined();
    expect(targetFor({ ...ITEM, provisionerType: 'hcloud' }, own)?.name).toBe('hcloud');
    expect(targetFor({ ...ITEM, provisionerType: 'vultr' }, [target('vultr', 'vultr')])).toBeUndefined();
  });

  it('is found by the offering’s own settings before all else, and by nothing that a tenant wrote', () => {
    const named = (provisionerConfig: string, more: Partial<PendingItem> = {}): string | undefined =>
      targetFor({ ...ITEM, provisionerConfig, ...more }, targets)?.name;
    expect(named('{"target":"office"}')).toBe('office');
    expect(named('{"target":"office"}', { provisionerType: 'docker' })).toBe('office');
    expect(named('{"target":"attic"}')).toBeUndefined();
    expect(named('{"target":7}')).toBeUndefined();
    expect(named('{"target":"office"}', { provisionerType: 'hetzner' })).toBeUndefined();
    expect(named('{}', { instanceConfig: '{"target":"office"}' })).toBe('home');
  });

  it('is nobody where no target is configured', () => {
    expect(targetFor(ITEM, [])).toBeUndefined();
  });
});

describe('an order', () => {
  it('holds what was ordered, in our own words', () => {
    const item = { ...ITEM, cpuCores: 2, memoryMb: 2_048, storageGb: 20, postProvisionScript: '#!/bin/sh\n' };
    expect(readOrder(item)).toEqual({
      order: {
        offering: 'small',
        sshKey: SSH_KEY,
        settings: {},
        cpuCores: 2,
        memoryMb: 2_048,
        storageGb: 20,
      },
      wishes: { script: '#!/bin/sh\n' },
    });
  });

  it('leaves out what the offering does not say', () => {
    expect(readOrder(ITEM)).toEqual({ order: { offering: 'small', sshKey: SSH_KEY, settings: {} }, wishes: {} });
  });

  it('lets the contract’s settings go before the offering’s', () => {
    const item = {
      ...ITEM,
      provisionerConfig: '{"image":"debian","disk":"fast"}',
      instanceConfig: ' {"image":"alpine"} ',
    };
    expect(readOrder(item)).toMatchObject({ order: { settings: { image: 'alpine', disk: 'fast' } } });
  });

  it('does not hand the choice of the target on to the plugin', () => {
    expect(readOrder({ ...ITEM, provisionerConfig: '{"target":"office","image":"debian"}' })).toMatchObject({
      order: { settings: { image: 'debian' } },
    });
    expect(readOrder({ ...ITEM, provisionerConfig: '{"target":"office"}' })).toMatchObject({ order: { settings: {} } });
  });

  it.each(['', '  \n', '{}'])('takes %j for no settings', (text) => {
    expect(readOrder({ ...ITEM, provisionerConfig: text, instanceConfig: text })).toMatchObject({
      order: { settings: {} },
    });
  });

  it.each(['[]', 'null', '7', '"text"', '{', 'image: debian'])('is refused when its settings are %j', (text) => {
    expect(readOrder({ ...ITEM, provisionerConfig: text })).toEqual({
      refused: "the offering's provisioner_config is not a JSON object",
    });
    expect(readOrder({ ...ITEM, instanceConfig: text })).toEqual({
      refused: "the contract's instance_config is not a JSON object",
    });
  });

  it.each(['', 'not a key', `${SSH_KEY}\nssh-ed25519 AAAA second`, '$(reboot)'])(
    'with the SSH key %j cannot be met, and the key goes nowhere',
    (sshKey) => {
      const read = readOrder({ ...ITEM, sshKey, postProvisionScript: 'echo' });
      expect(read).toMatchObject({
        order: { sshKey: '', problem: expect.stringMatching(/^The SSH key cannot be used: /) },
      });
    },
  );
});
