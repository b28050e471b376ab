import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { referenceVmid } from '../../provisioners/proxmox/adopt.ts';
import { readStamp } from '../../provisioners/proxmox/stamp.ts';
import { type DevProxmox, startDevProxmox } from '../../simulators/proxmox/dev.ts';
import { newGuest } from '../../simulators/proxmox/qemu/guests.ts';
import type { Guest } from '../../simulators/proxmox/state.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { parseContractId } from '../../src/ports/ids.ts';
import { typed } from './harness.ts';

const CONTRACT = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

describe('adopt', () => {
  let home: string;
  let config: string;
  let host: DevProxmox;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'dc-adopt-'));
    host = await startDevProxmox({ timings: { statdMs: 0 } });
    config = join(home, 'dc-agent.toml');
    await writeFile(join(home, 'agent.key'), '03'.repeat(32), { mode: 0o600 });
    const head = [
      '[api]',
      'endpoint = "http://127.0.0.1:9"',
      `provider_pubkey = "${'1'.repeat(64)}"`,
      `agent_secret_key = "${join(home, 'agent.key')}"`,
      '[agent]',
      `state_dir = "${join(home, 'state')}"`,
    ];
    await writeFile(config, `${head.join('\n')}\n${host.configuration}`, { mode: 0o600 });
  });
  afterEach(async () => {
    await host.close();
    await rm(home, { recursive: true, force: true });
  });

  test('shows what the reference agent left, and takes it over only with --yes, once and for all', async () => {
    const old = addMachine(CONTRACT);
    const fake = addMachine(OTHER, 4711);

    const look = await dc('adopt');
    expect(look).toMatchObject({ code: EXIT.ok, err: expect.stringContaining('Nothing was changed') });
    expect(look.out).toContain(CONTRACT.slice(0, 12));
    expect(look.out).not.toContain(OTHER.slice(0, 12));
    expect(old.config.has('description')).toBe(false);

    expect(await dc('adopt', '--yes')).toMatchObject({ code: EXIT.ok, err: expect.stringContaining('adopted') });
    expect(readStamp(old.config.get('description'))).toMatchObject({ contract: CONTRACT, vmid: old.vmid });
    expect(fake.config.has('description')).toBe(false);
    const { out } = await dc('explain', CONTRACT.slice(0, 8), '--json');
    expect(JSON.parse(out)).toMatchObject({ contract: CONTRACT });
    expect(out).toContain('adopted');

    expect(await dc('adopt', '--yes')).toMatchObject({ code: EXIT.ok, out: 'There is nothing to adopt.' });
  });

  test('goes on after it died between the ledger and the stamp', async () => {
    const old = addMachine(CONTRACT);
    host.playground.core.faults.add({ method: 'PUT', fault: { kind: 'drop-before' } });
    expect((await dc('adopt', '--yes')).code).toBe(EXIT.failed);
    expect(old.config.has('description')).toBe(false);

    expect((await dc('adopt', '--yes')).code).toBe(EXIT.ok);
    const stamp = readStamp(old.config.get('description'));
    expect(stamp?.contract).toBe(CONTRACT);
    const ledger = join(home, 'state', 'ledger');
    const files = (await readdir(ledger)).filter((name) => name.endsWith('.jsonl'));
    const written = await Promise.all(files.map((name) => readFile(join(ledger, name), 'utf8')));
    const operations = [...written.join('').matchAll(/"operation":"([0-9a-f]{32})"/g)].map(([, id]) => id);
    expect([...new Set(operations)]).toEqual([stamp?.operation]);
  });

  test('takes over the ports that the reference agent gave to a machine behind this host, and says where it knows of none', async () => {
    const notes = join(home, 'port-allocations.json');
    const ours = { base: 20_040, count: 10, contract_id: CONTRACT, internal_ip: '10.0.0.5' };
    await writeFile(notes, JSON.stringify({ allocations: { abc123: ours, def456: 'nonsense' } }));
    const table = `[gateway]\ndc_id = "dc-sl"\npublic_ip = "203.0.113.10"\nport_allocations_path = "${notes}"\n`;
    await writeFile(config, `${await readFile(config, 'utf8')}\n${table}`);
    addMachine(CONTRACT).config.set('ipconfig0', 'ip=10.0.0.5/24,gw=10.0.0.1');
    addMachine(OTHER).config.set('ipconfig0', 'ip=10.0.0.6/24,gw=10.0.0.1');
    const taken = await dc('adopt', '--yes');
    expect(taken).toMatchObject({ code: EXIT.ok, err: expect.stringContaining('1 entries make no sense') });
    expect(taken.err).toContain('no ports are known for it, so the agent opens none');
    const story = JSON.parse((await dc('explain', CONTRACT.slice(0, 8), '--json')).out);
    expect(story.route).toBe('ports 20040 to 20049 (closed), slug abc123');
    expect(JSON.parse((await dc('explain', OTHER.slice(0, 8), '--json')).out)).not.toHaveProperty('route');
  });

  function dc(...argv: string[]) {
    return typed(['--config', config, ...argv]);
  }

  function addMachine(contract: string, vmid?: number): Guest {
    const id = parseContractId(contract);
    if (id === undefined) throw new Error('not a contract');
    const { core, pool } = host.playground;
    const settings = new Map([
      ['name', `dc-${contract}`],
      ['memory', '512'],
      ['cores', '1'],
      ['sshkeys', encodeURIComponent(`${KEY} tenant`)],
    ]);
    const guest = newGuest(core.pve, { vmid: vmid ?? referenceVmid(id), node: 'pve', config: settings });
    guest.pool = pool;
    return guest;
  }
});
