import { describe, expect, it } from 'vitest';
import { type Bench, bench, KEY, VM } from './test/bench.ts';

const AGENT = `${VM}/101/agent`;

/** A machine 101 in the pool that runs, but has not booted. */
async function started(
  options?: Parameters<typeof bench>[0],
  config: Record<string, string | number> = {},
): Promise<Bench> {
  const made = bench(options);
  await made.task('POST', `${VM}/9000/clone`, { newid: 101, name: 'vm101', pool: 'dc' });
  await made.call('PUT', `${VM}/101/config`, { ciuser: 'lab', sshkeys: encodeURIComponent(KEY), ...config });
  await made.task('POST', `${VM}/101/status/start`);
  return made;
}

async function addresses({ call }: Bench): Promise<unknown> {
  const { data } = await call('GET', `${AGENT}/network-get-interfaces`, {}, 'agent');
  const { result } = data as { result: { name: string; 'ip-addresses'?: { 'ip-address': string }[] }[] };
  return result.find(({ name }) => name === 'eth0')?.['ip-addresses']?.map((address) => address['ip-address']);
}

describe('the guest agent', () => {
  it('is silent while the guest boots, then has no address, then one of the link, then all', async () => {
    const made = await started({ timings: { agentMs: 15_000, addressMs: 25_000 } });
    const mac = /BC:24:11:(..):(..):(..)/.exec(made.guest(101).config.get('net0') ?? '');
    const before = made.clock.now();
    expect(await made.call('POST', `${AGENT}/ping`)).toMatchObject({
      status: 500,
      text: 'QEMU guest agent is not running',
    });
    expect(made.clock.now() - before).toBeGreaterThanOrEqual(3_000);
    await made.pass(13_000);
    expect((await made.call('POST', `${AGENT}/ping`)).data).toEqual({ result: {} });
    expect(await addresses(made)).toBeUndefined();
    await made.pass(6_000);
    expect(await addresses(made)).toEqual([expect.stringMatching(/^fe80::be24:11ff:fe/)]);
    await made.pass(6_000);
    expect(await addresses(made)).toEqual([made.guest(101).guest.addresses.ipv4, expect.stringMatching(/^fe80::/)]);
    expect(mac).not.toBeNull();
  });

  it('tells the static address that cloud-init was given, and a later one only after a new start', async () => {
    const made = await started({}, { ipconfig0: 'ip=10.10.10.31/24,gw=10.10.10.1' });
    await made.pass(30_000);
    expect(await addresses(made)).toContain('10.10.10.31');
    await made.call('PUT', `${VM}/101/config`, { ipconfig0: 'ip=10.10.10.32/24,gw=10.10.10.1' });
    expect(await addresses(made)).toContain('10.10.10.31');
    await made.task('POST', `${VM}/101/status/stop`);
    await made.task('POST', `${VM}/101/status/start`);
    await made.pass(30_000);
    expect(await addresses(made)).toContain('10.10.10.32');
  });

  it('gives every machine another address by DHCP', async () => {
    const { task, guest } = bench();
    for (const newid of [101, 102, 103]) await task('POST', `${VM}/9000/clone`, { newid });
    expect(new Set([101, 102, 103].map((vmid) => guest(vmid).guest.addresses.ipv4)).size).toBe(3);
  });

  it('says why nobody answers', async () => {
    const made = await started();
    await made.pass(30_000);
    made.core.admin.silenceAgent(101);
    expect((await made.call('GET', `${AGENT}/info`)).text).toBe('QEMU guest agent is not running');
    await made.task('POST', `${VM}/101/status/stop`);
    expect((await made.call('GET', `${AGENT}/info`)).text).toBe('VM 101 is not running');
    await made.call('PUT', `${VM}/101/config`, { agent: '0' });
    expect((await made.call('GET', `${AGENT}/info`)).text).toBe('No QEMU guest agent configured');
    expect((await made.call('GET', `${VM}/999/agent/info`)).text).toBe(
      "Configuration file 'nodes/pve/qemu-server/999.conf' does not exist",
    );
  });
});

describe('rights on the guest agent', () => {
  it('on 9.1 are one for each kind of thing', async () => {
    const { call, pass } = await started();
    await pass(30_000);
    const text = async (method: 'GET' | 'POST', name: string, params: Record<string, string>): Promise<string> =>
      (await call(method, `${AGENT}/${name}`, params, 'agent')).text;
    expect(await text('GET', 'get-osinfo', {})).toBe('OK');
    expect(await text('POST', 'exec', { command: 'true' })).toBe(
      'Permission check failed (/vms/101, VM.GuestAgent.Unrestricted)',
    );
    expect(await text('POST', 'set-user-password', { username: 'lab', password: 'secret123' })).toBe(
      'Permission check failed (/vms/101, VM.GuestAgent.Unrestricted)',
    );
    expect(await text('POST', 'file-write', { file: '/tmp/x', content: 'hi' })).toBe(
      'Permission check failed (/vms/101, VM.GuestAgent.FileWrite|VM.GuestAgent.Unrestricted)',
    );
  });

  it('on 8.4 are all VM.Monitor', async () => {
    const { call, pass, cluster } = await started({ personality: '8.4' });
    await pass(30_000);
    expect((await call('POST', `${AGENT}/exec`, { command: 'true' }, 'agent')).status).toBe(200);
    cluster.roles.get('Agent')?.delete('VM.Monitor');
    expect((await call('POST', `${AGENT}/ping`, {}, 'agent')).text).toBe(
      'Permission check failed (/vms/101, VM.Monitor)',
    );
  });
});

describe('inside the guest', () => {
  it('commands are run, and their end is told once', async () => {
    const { call, pass } = await started();
    await pass(30_000);
    const { data } = await call('POST', `${AGENT}/exec`, { command: ['sh', '-c', 'echo hi; id; exit 3'] });
    const { pid } = data as { pid: number };
    expect((await call('GET', `${AGENT}/exec-status`, { pid })).data).toEqual({
      exited: 1,
      exitcode: 3,
      'out-data': 'hi\nuid=0(root) gid=0(root) groups=0(root)\n',
      'out-truncated': 0,
    });
    expect((await call('GET', `${AGENT}/exec-status`, { pid })).status).toBe(500);
  });

  it('files are written and read, in directories that are there', async () => {
    const { call, pass } = await started();
    await pass(30_000);
    await call('POST', `${AGENT}/file-write`, { file: '/tmp/x', content: 'hi there' });
    expect((await call('GET', `${AGENT}/file-read`, { file: '/tmp/x' })).data).toEqual({
      'bytes-read': 8,
      content: 'hi there',
    });
    expect((await call('GET', `${AGENT}/file-read`, { file: '/nope' })).text).toBe(
      "Agent error: failed to open file '/nope' (mode: 'r'): No such file or directory",
    );
    expect((await call('POST', `${AGENT}/file-write`, { file: '/no/x', content: 'hi' })).status).toBe(500);
    await call('POST', `${AGENT}/file-write`, { file: '/tmp/x', content: 'aGk=', encode: 0 });
    expect((await call('GET', `${AGENT}/file-read`, { file: '/tmp/x' })).data).toMatchObject({ content: 'hi' });
  });

  it('the login user exists, with the ordered key, and its password can be set', async () => {
    const { call, pass } = await started();
    await pass(30_000);
    const keys = await call('GET', `${AGENT}/file-read`, { file: '/home/lab/.ssh/authorized_keys' });
    expect(keys.data).toMatchObject({ content: `${KEY}\n` });
    const set = (username: string, password: string) =>
      call('POST', `${AGENT}/set-user-password`, { username, password });
    expect((await set('lab', 'secret123')).data).toEqual({ result: {} });
    expect((await set('lab', 'x')).errors).toEqual({ password: 'value must be at least 5 characters long' });
    expect((await set('nobody-here', 'secret123')).text).toBe(
      'Agent error: child process has failed to set user password',
    );
  });
});
