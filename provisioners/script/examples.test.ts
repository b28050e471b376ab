import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Provisioner } from '../../src/provisioner/index.ts';
import { type Attempt, attempt, call, Workbench } from './fixtures.ts';

// The examples that drive a tool run against a stand-in of that tool, which keeps its machines in one JSON file. The example
// that needs no tool has the whole conformance kit (conformance.test.ts).
const EXAMPLES = join(import.meta.dirname, '../../examples/script');

interface FakeMachine {
  name: string;
  status: string;
  contract: string;
  userData: string;
}

interface Stage {
  readonly example: string;
  /** The tools, each the body of a Node program with `state` (the machines), `save()`, `args` and `input`. */
  readonly tools: Readonly<Record<string, string>>;
  readonly env?: string;
}

const INCUS: Stage = {
  example: 'incus.sh',
  tools: {
    incus: `
      const [verb, ...rest] = args;
      const find = (name) => state.find((one) => one.name === name) ?? fail('Instance not found');
      if (verb === 'list') {
        const shown = state.map(({ name, status, contract, operation }) => ({
          name, status, config: contract ? { 'user.dc-contract': contract, 'user.dc-operation': operation } : {},
          state: { network: status !== 'Running' ? null : {
            lo: { addresses: [{ family: 'inet', address: '127.0.0.1', scope: 'local' }] },
            eth0: { addresses: [{ family: 'inet6', address: 'fe80::1', scope: 'link' }, { family: 'inet', address: '192.0.2.7', scope: 'global' }] } } },
        }));
        process.stdout.write(JSON.stringify(shown));
      } else if (verb === 'init') {
        if (state.some((one) => one.name === rest[1])) fail('Instance already exists');
        const { config } = JSON.parse(input());
        state.push({ name: rest[1], status: 'Stopped', contract: config['user.dc-contract'],
          operation: config['user.dc-operation'], userData: config['cloud-init.user-data'] });
      } else if (verb === 'start') find(rest[0]).status = 'Running';
      else if (verb === 'stop') find(rest[0]).status = 'Stopped';
      else if (verb === 'delete') state.splice(state.indexOf(find(rest[1])), 1);
      else fail('unknown verb');`,
  },
};

const LIBVIRT: Stage = {
  example: 'libvirt.mjs',
  tools: {
    virsh: `
      const [verb, name] = args.slice(2);
      const machine = () => state.find((one) => one.name === name) ?? fail('Domain not found');
      const print = (text) => process.stdout.write(text + '\\n\\n');
      if (verb === 'list') print(state.map((one) => one.name).join('\\n'));
      else if (verb === 'desc') print(machine().contract ? 'dc-contract=' + machine().contract + ' dc-operation=' + machine().operation : 'No description');
      else if (verb === 'domstate') print(machine().status);
      else if (verb === 'domifaddr') print('Name  MAC  Protocol  Address\\n-----\\nvnet0 52:54:00:00:00:01 ipv4 192.0.2.7/24');
      else if (verb === 'start') machine().status = 'running';
      else if (verb === 'shutdown' || verb === 'destroy') machine().status = 'shut off';
      else if (verb === 'undefine') state.splice(state.indexOf(machine()), 1);
      else fail('unknown verb');`,
    'virt-install': `
      const option = (name) => args[args.indexOf('--' + name) + 1];
      const [, contract, operation] = /^description=dc-contract=(\\S+) dc-operation=(\\S+)$/.exec(option('metadata'));
      const disk = /^path=([^,]+),/.exec(option('disk'))[1];
      fs.writeFileSync(disk, '', { flag: 'wx' });
      const userData = fs.readFileSync(option('cloud-init').slice('user-data='.length), 'utf8');
      state.push({ name: option('name'), status: 'running', contract, operation, userData });`,
  },
};

const TOOL_FRAME = `#!${process.execPath}
const fs = require('node:fs');
const path = require('node:path');
const home = path.dirname(__dirname);
const args = process.argv.slice(2);
const input = () => fs.readFileSync(0, 'utf8');
const fail = (why) => { process.stderr.write('Error: ' + why + '\\n'); process.exit(1); };
if (fs.existsSync(path.join(home, 'down'))) fail('the daemon does not answer');
const state = JSON.parse(fs.readFileSync(path.join(home, 'state.json'), 'utf8'));
`;

let bench: Workbench;
let one: Attempt;
beforeEach(() => {
  bench = new Workbench();
  one = attempt({
    postProvisionScript: '#!/bin/sh\necho "it\'s $(done)" > /root/\u00fc\n',
    cpuCores: 2,
    memoryMb: 2048,
  });
});
afterEach(() => bench.cleanup());

async function open({ example, tools }: Stage, without: readonly string[] = []): Promise<Provisioner> {
  const bin = bench.path('bin');
  mkdirSync(bin, { recursive: true });
  if (!existsSync(bench.path('state.json'))) writeFileSync(bench.path('state.json'), '[]');
  for (const [name, body] of Object.entries(tools)) {
    const save = `\nfs.writeFileSync(path.join(home, 'state.json'), JSON.stringify(state));\n`;
    writeFileSync(join(bin, name), TOOL_FRAME + body + save, { mode: 0o755 });
  }
  const searched = [bin, dirname(process.execPath), process.env['PATH']].join(delimiter);
  const script = bench.script(
    `export PATH='${searched}' DC_DISK_DIR='${bench.directory}' TMPDIR='${bench.directory}'\nexec '${join(EXAMPLES, example)}'`,
  );
  const all = ['provision', 'terminate', 'health_check', 'list', 'start', 'stop'].filter(
    (key) => !without.includes(key),
  );
  return bench.open({ ready_check: 'ssh', ...Object.fromEntries(all.map((key) => [key, script])) });
}

const machines = (): FakeMachine[] => JSON.parse(readFileSync(bench.path('state.json'), 'utf8'));

function hasJq(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, 'jq')));
}

test.each(['files.mjs', 'incus.sh', 'libvirt.mjs'])('%s may be executed as it is', (name) => {
  expect(statSync(join(EXAMPLES, name)).mode & 0o111).toBe(0o111);
});

describe.each([
  ['incus.sh', INCUS, hasJq()],
  ['libvirt.mjs', LIBVIRT, true],
] as const)('the example %s', (_name, stage, runnable) => {
  test.skipIf(!runnable)('carries a contract from its order to its end', async () => {
    const provisioner = await open(stage);
    expect((await provisioner.check(call())).filter(({ level }) => level === 'fail')).toEqual([]);

    const instance = await provisioner.create(one.order, one.op());
    expect(instance).toMatchObject({ power: 'running', ssh: { host: '192.0.2.7', port: 22, user: 'root' } });
    const again = attempt();
    const other = await provisioner.create(again.order, again.op());
    expect(other.externalId).not.toBe(instance.externalId);

    // The same operation, by an agent that has lost its memory of the first run.
    const repeated = { ...one.op(), handles: {} };
    expect((await provisioner.create(one.order, repeated)).externalId).toBe(instance.externalId);
    expect((await provisioner.create(one.order, { ...repeated, outcomeUnknown: true })).externalId).toBe(
      instance.externalId,
    );
    expect(machines().length).toBe(2);

    const ref = { ...one.ref, externalId: instance.externalId };
    expect(await provisioner.list?.(call())).toMatchObject({
      complete: true,
      instances: expect.arrayContaining([expect.objectContaining({ stamp: one.order.stamp, power: 'running' })]),
    });
    expect(await provisioner.observe(ref, call())).toMatchObject({ state: 'present', instance: { power: 'running' } });
    await provisioner.stop?.(ref, one.op());
    expect(await provisioner.observe(ref, call())).toMatchObject({ instance: { power: 'stopped' } });
    expect(await provisioner.start?.(ref, one.op())).toMatchObject({ power: 'running' });

    for (const number of [1, 2]) await provisioner.destroy(ref, one.op({ attempt: number }));
    expect(await provisioner.observe(ref, call())).toEqual({ state: 'absent' });
    expect(machines().map(({ contract }) => contract)).toEqual([again.order.stamp.contract]);
    expect(existsSync(bench.path(`${instance.externalId}.qcow2`))).toBe(false);
  });

  test.skipIf(!runnable)('hands the key and the recipe to cloud-init to the byte', async () => {
    await (await open(stage)).create(one.order, one.op());
    const [header, json = ''] = (machines()[0]?.userData ?? '').split('\n');
    expect(header).toBe('#cloud-config');
    expect(JSON.parse(json)).toMatchObject({
      users: [{ name: 'root', ssh_authorized_keys: [one.order.sshKey] }],
      write_files: [{ path: '/root/post-provision', content: one.order.postProvisionScript }],
    });
  });

  test.skipIf(!runnable)('leaves alone what carries no contract, also under a name of its own making', async () => {
    const provisioner = await open(stage);
    const { externalId } = await provisioner.create(one.order, one.op());
    const strangers = machines().map((machine) => ({ ...machine, contract: '', operation: '' }));
    writeFileSync(bench.path('state.json'), JSON.stringify([...strangers, { name: 'my-own-vm', status: 'running' }]));
    const ref = { ...one.ref, externalId };
    expect(await provisioner.list?.(call())).toMatchObject({ complete: true, instances: [] });
    await provisioner.destroy(ref, one.op()).catch(() => undefined);
    await provisioner.stop?.(ref, one.op()).catch(() => undefined);
    // Without a list the script itself is the last one who can tell.
    const disk = existsSync(bench.path(`${externalId}.qcow2`));
    await (await open(stage, ['list'])).destroy(ref, one.op()).catch(() => undefined);
    expect(machines().map(({ name }) => name)).toEqual([externalId, 'my-own-vm']);
    expect(existsSync(bench.path(`${externalId}.qcow2`))).toBe(disk);
  });

  test.skipIf(!runnable)('says nothing while its tool does not answer, and nothing follows from that', async () => {
    const provisioner = await open(stage);
    const { externalId } = await provisioner.create(one.order, one.op());
    writeFileSync(bench.path('down'), '');
    const ref = { ...one.ref, externalId };
    await expect(provisioner.list?.(call())).rejects.toMatchObject({ kind: 'retry' });
    await expect(provisioner.observe(ref, call())).rejects.toMatchObject({ kind: 'retry' });
    await expect(provisioner.destroy(ref, one.op())).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('the daemon does not answer'),
    });
    const fresh = attempt();
    await expect(provisioner.create(fresh.order, fresh.op())).rejects.toMatchObject({ kind: 'unknown-outcome' });
    expect(machines().length).toBe(1);
  });
});
