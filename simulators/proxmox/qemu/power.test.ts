import { describe, expect, it } from 'vitest';
import type { GuestDriver } from '../state.ts';
import { type Bench, bench, VM } from './test/bench.ts';

async function withMachine(options?: Parameters<typeof bench>[0]): Promise<Bench> {
  const made = bench(options);
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, name: 'vm101', pool: 'dc' });
  return made;
}

const press = (name: string): string => `${VM}/101/status/${name}`;
const STATUS = `${VM}/101/status/current`;

describe('start', () => {
  it('makes it run, with a process and counters from nothing; a second one fails in its worker', async () => {
    const { task, call } = await withMachine();
    expect(await task('POST', press('start'))).toMatchObject({
      status: 'OK',
      log: ['generating cloud-init ISO', 'TASK OK'],
    });
    const { data } = await call('GET', STATUS);
    expect(data).toMatchObject({ status: 'running', qmpstatus: 'running', netin: 0, netout: 0, agent: 1 });
    expect(data).toHaveProperty('pid');
    expect((await task('POST', press('start'))).status).toBe('VM 101 already running');
  });

  it('of a missing machine answers with a worker, and the worker fails', async () => {
    const { task } = bench();
    expect((await task('POST', `${VM}/999/status/start`)).status).toBe(
      "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist",
    );
  });

  it.each([
    ['9.1', "bridge 'vmbr9' does not exist"],
    ['8.4', 'start failed: QEMU exited with code 1'],
  ] as const)('on %s with a bridge that does not exist ends as %s', async (personality, status) => {
    const { task, call, guest } = await withMachine({ personality });
    await call('PUT', `${VM}/101/config`, { net0: 'virtio,bridge=vmbr9' });
    expect((await task('POST', press('start'))).status).toBe(status);
    expect(guest(101).status).toBe('stopped');
  });

  it('warns of a machine with UEFI and no place for its variables, and that is no failure', async () => {
    const { task, call } = await withMachine();
    await call('PUT', `${VM}/101/config`, { bios: 'ovmf' });
    expect((await task('POST', press('start'))).status).toBe('WARNINGS: 1');
  });

  it('is refused while the machine is locked', async () => {
    const { task, guest } = await withMachine();
    guest(101).lock = 'backup';
    expect((await task('POST', press('start'))).status).toBe('VM is locked (backup)');
  });
});

describe('counters', () => {
  it('grow while it runs, and begin again at the next start', async () => {
    const { task, call, pass } = await withMachine();
    const netin = async (): Promise<number> => ((await call('GET', STATUS)).data as { netin: number }).netin;
    await task('POST', press('start'));
    await pass(30_000);
    const early = await netin();
    await pass(60_000);
    expect(await netin()).toBeGreaterThan(early);
    await task('POST', press('stop'));
    expect(await netin()).toBe(0);
    await task('POST', press('start'));
    expect(await netin()).toBeLessThan(early);
  });
});

describe('stop and shutdown', () => {
  it('of a machine that is off are fine', async () => {
    const { task } = await withMachine();
    expect((await task('POST', press('stop'))).status).toBe('OK');
    expect((await task('POST', press('shutdown'), { timeout: 5 })).status).toBe('OK');
  });

  it('by ACPI is heard once the guest has booted, and not before', async () => {
    const { task, pass, guest } = await withMachine();
    await task('POST', press('start'));
    const early = await task('POST', press('shutdown'), { timeout: 5 });
    expect(early.status).toBe('VM quit/powerdown failed - got timeout');
    expect(guest(101).status).toBe('running');
    await pass(30_000);
    expect((await task('POST', press('shutdown'), { timeout: 60 })).status).toBe('OK');
    expect(guest(101).status).toBe('stopped');
  });

  it('ends a guest that does not listen when it is told to', async () => {
    const { task, pass, guest } = await withMachine();
    guest(101).guest = { agent: false, acpi: false, addresses: {} };
    await task('POST', press('start'));
    await pass(60_000);
    expect((await task('POST', press('shutdown'), { timeout: 3 })).status).toBe(
      'VM quit/powerdown failed - got timeout',
    );
    expect((await task('POST', press('shutdown'), { timeout: 3, forceStop: 1 })).status).toBe('OK');
    expect(guest(101).status).toBe('stopped');
  });

  it('waits for the lock that a shutdown holds, unless it overrules it', async () => {
    const { send, until, task, ended } = await withMachine();
    await task('POST', press('start'));
    const patient = await until(send('POST', press('shutdown'), { timeout: 60 }, 'agent'));
    expect((await task('POST', press('stop'))).status).toBe(
      "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout",
    );
    expect((await task('POST', press('stop'), { 'overrule-shutdown': 1 }, 'agent')).status).toBe('OK');
    expect((await ended(String(patient.data))).status).toBe('unexpected status');
  });
});

describe('reboot and reset', () => {
  it('of a machine that is off are refused', async () => {
    const { call } = await withMachine();
    for (const name of ['reboot', 'reset']) {
      expect(await call('POST', press(name))).toMatchObject({ status: 500, text: 'VM 101 not running' });
    }
  });

  it('reboot ends when the guest is off; a worker of root starts it again, with another process and what was pending', async () => {
    const { task, pass, guest, call, core } = await withMachine();
    await task('POST', press('start'));
    await pass(30_000);
    const { pid } = guest(101);
    await call('PUT', `${VM}/101/config`, { memory: 700 });
    expect((await task('POST', press('reboot'), { timeout: 60 }, 'agent')).status).toBe('OK');
    expect(guest(101).status).toBe('stopped');
    await pass(10_000);
    expect(guest(101).status).toBe('running');
    expect(guest(101).pid).not.toBe(pid);
    expect(guest(101).started?.get('memory')).toBe('700');
    expect(core.tasks.of('pve')[0]).toMatchObject({ type: 'qmstart', caller: { user: 'root@pam' } });
  });

  it('reset keeps the process, and the guest boots anew', async () => {
    const { task, pass, guest, call } = await withMachine();
    await task('POST', press('start'));
    await pass(30_000);
    const { pid } = guest(101);
    expect((await task('POST', press('reset'))).status).toBe('OK');
    expect(guest(101).pid).toBe(pid);
    expect((await call('POST', `${VM}/101/agent/ping`)).text).toBe('QEMU guest agent is not running');
  });
});

describe('suspend', () => {
  it('pauses it: its agent is silent, and it cannot be shut down', async () => {
    const { task, pass, call } = await withMachine();
    await task('POST', press('start'));
    await pass(30_000);
    await task('POST', press('suspend'));
    expect((await call('GET', STATUS)).data).toMatchObject({ status: 'running', qmpstatus: 'paused' });
    expect((await call('POST', press('shutdown'))).text).toBe('VM is paused - cannot shutdown');
    await task('POST', press('resume'));
    expect((await call('GET', STATUS)).data).toMatchObject({ qmpstatus: 'running' });
    await task('POST', press('stop'));
    expect((await call('POST', press('resume'))).text).toBe('VM 101 not running');
  });
});

describe('rights', () => {
  it('come before everything else, so a machine that left the pool is a 403 even when it is gone', async () => {
    const { call, guest } = await withMachine();
    delete guest(101).pool;
    expect((await call('POST', press('start'), {}, 'agent')).text).toBe(
      'Permission check failed (/vms/101, VM.PowerMgmt)',
    );
    expect((await call('POST', `${VM}/999/status/start`, {}, 'agent')).status).toBe(403);
  });
});

describe('a machine somewhere else', () => {
  it('does not exist on the node that is asked, which says nothing about whether it exists', async () => {
    const { call, task, guest, core } = await withMachine();
    guest(101).node = 'pve2';
    const missing = "Configuration file 'nodes/pve/qemu-server/101.conf' does not exist";
    expect((await call('GET', STATUS)).text).toBe(missing);
    expect((await call('DELETE', `${VM}/101`)).text).toBe(missing);
    expect((await task('POST', press('start'))).status).toBe(missing);
    expect(core.cluster.guests.has(101)).toBe(true);
    expect((await call('POST', `${VM}/9000/clone`, { newid: 101 })).text).toBe(
      'unable to create VM 101: config file already exists',
    );
  });
});

describe('a machine whose inside does not start', () => {
  it('is off again, and the worker says why', async () => {
    const driver: GuestDriver = {
      started: () => Promise.reject(new Error('no kernel')),
      stopped: () => Promise.resolve(),
      destroyed: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const { task, guest } = await withMachine({ driver });
    expect((await task('POST', press('start'))).status).toBe('start failed: no kernel');
    expect(guest(101).status).toBe('stopped');
  });
});
