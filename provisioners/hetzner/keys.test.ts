import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import { operation, sampleOrder } from '../../src/provisioner/conformance.ts';
import { AGENT, type Opened, openTarget } from './fixtures.ts';
import { fingerprintOf, NOBODYS_KEY } from './keys.ts';

test('nobody’s key is the first hash of a sentence that is a point: there is no room for a secret in its making', () => {
  const blob = Buffer.from(NOBODYS_KEY.split(' ')[1] ?? '', 'base64');
  const hash = createHash('sha256').update('dc-agent: a key whose private half nobody has, 0').digest();
  hash.writeUInt8(hash.readUInt8(31) & 0x7f, 31);
  expect(blob.subarray(0, 19).toString('hex')).toBe('0000000b7373682d65643235353139' + '00000020');
  expect(blob.subarray(19).toString('hex')).toBe(hash.toString('hex'));
  expect(ed25519.Point.fromHex(hash.toString('hex')).isSmallOrder()).toBe(false);
});

describe('the project’s key', () => {
  let opened: Opened;
  beforeEach(() => {
    opened = openTarget();
  });
  afterEach(() => opened.close());

  const make = async (): Promise<void> => {
    const order = sampleOrder(AGENT);
    await opened.provisioner.create(order, operation(order.stamp));
  };
  const keys = () => [...opened.core.project.sshKeys.values()];
  const add = (name: string, public_key: string): void => {
    const headers = { authorization: `Bearer ${SIMULATOR_TOKEN}` };
    const body = JSON.stringify({ name, public_key });
    expect(opened.core.handle({ method: 'POST', path: '/v1/ssh_keys', headers, body }).status).toBe(201);
  };
  const OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';
  const NAME = `dc-agent-${fingerprintOf(NOBODYS_KEY).replaceAll(':', '').slice(0, 12)}`;

  test('is found by what it is, whatever it is called', async () => {
    add('renamed-by-the-owner', NOBODYS_KEY);
    await make();
    expect(keys().map(({ name }) => name)).toEqual(['renamed-by-the-owner']);
  });

  test('is added under another name when its own is taken', async () => {
    add(NAME, OTHER);
    await make();
    expect(keys()).toHaveLength(2);
    expect([...opened.core.project.servers.values()][0]?.publicKeys).toEqual([NOBODYS_KEY]);
  });

  test('is looked up anew when somebody has deleted it', async () => {
    await make();
    opened.core.project.sshKeys.clear();
    await expect(make()).rejects.toMatchObject({ kind: 'retry' });
    await make();
    expect(keys()).toHaveLength(1);
  });

  test('is the owner’s own where one is set', async () => {
    await opened.close();
    opened = openTarget({ settings: { ssh_key: `${OTHER} owner` } });
    await make();
    expect([...opened.core.project.servers.values()][0]?.publicKeys[0]).toContain(OTHER);
  });
});
