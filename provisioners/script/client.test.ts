import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/provisioner/index.ts';
import { type Action, type Reply, scriptClient } from './client.ts';
import { attempt, call, Workbench } from './fixtures.ts';
import { scriptSettings } from './schema.ts';

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.cleanup());

const ACTIONS = ['provision', 'get_instance', 'terminate', 'health_check', 'list', 'start', 'stop'] as const;

/** Every action's executable is the same one. */
async function ask(executable: string, action: Action, clock: Clock = systemClock): Promise<Reply> {
  const all = { provision: executable, terminate: executable, health_check: executable };
  const settings = scriptSettings.parse({ ...all, list: executable, start: executable, stop: executable });
  const client = scriptClient(settings, 'rack', clock);
  if (action !== 'provision') return client.request(action, action === 'list' ? undefined : 'vm-1', call());
  const { order, op } = attempt();
  return client.provision(order, order.stamp.operation, op());
}

function failure(reply: Reply): { kind: string; outcome: string; message: string; publicText: string } {
  if (reply.ok) throw new Error('the script was believed');
  const { kind, message, publicText } = reply.error;
  return { kind, outcome: reply.outcome, message, publicText };
}

describe('an order', () => {
  test.each([
    ['get_instance', { action: 'get_instance', external_id: 'vm-1' }],
    ['terminate', { action: 'terminate', external_id: 'vm-1' }],
    ['health_check', { action: 'health_check', external_id: 'vm-1' }],
    ['list', { action: 'list', external_id: null }],
    ['start', { action: 'start', external_id: 'vm-1' }],
    ['stop', { action: 'stop', external_id: 'vm-1' }],
  ] as const)('to %s is one JSON object', async (action, expected) => {
    const order = bench.path('order');
    expect((await ask(bench.answering('{"success":true}', { order }), action)).ok).toBe(true);
    expect(JSON.parse(readFileSync(order, 'utf8'))).toEqual(expected);
  });

  test('to provision reaches the script to the byte, whatever a tenant or an offering put into it', async () => {
    const file = bench.path('order');
    const hostile = `'; touch ${bench.path('pwned')}; $(touch ${bench.path('pwned')}) \`id\` "\\" \u0000 \u2028 \ud800 \n\r\t ü 🦆 \u001b[2J`;
    const { order, op } = attempt({
      offering: hostile,
      settings: { [hostile]: [hostile, { deep: hostile }], 'a\u0000b': null, __proto__x: 1 },
      postProvisionScript: `#!/bin/sh\necho ${hostile}\n`,
      cpuCores: 4,
      memoryMb: 8192,
      storageGb: 100,
    });
    const script = bench.answering('{"success":true,"instance":{"external_id":"vm-1"}}', { order: file });
    const settings = scriptSettings.parse({ provision: script, terminate: script, health_check: script });
    const reply = await scriptClient(settings, 'rack', systemClock).provision(order, order.stamp.operation, op());
    expect(reply.ok).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      action: 'provision',
      external_id: null,
      operation_id: order.stamp.operation,
      contract_id: order.stamp.contract,
      offering_id: hostile,
      cpu_cores: 4,
      memory_mb: 8192,
      storage_gb: 100,
      requester_ssh_pubkey: order.sshKey,
      instance_config: order.settings,
      post_provision_script: order.postProvisionScript,
      address: null,
      cloud_init: null,
    });
    expect(() => readFileSync(bench.path('pwned'))).toThrow('ENOENT');
  });

  test('to provision says null for what the offering does not say', async () => {
    const file = bench.path('order');
    const { order, op } = attempt();
    const { cpuCores: _cpu, memoryMb: _memory, storageGb: _storage, ...bare } = order;
    const script = bench.answering('{"success":true}', { order: file });
    const settings = scriptSettings.parse({ provision: script, terminate: script, health_check: script });
    await scriptClient(settings, 'rack', systemClock).provision(bare, order.stamp.operation, op());
    const sent = JSON.parse(readFileSync(file, 'utf8'));
    expect(sent).toMatchObject({ cpu_cores: null, memory_mb: null, storage_gb: null, post_provision_script: null });
  });
});

describe('a failure that the script tells', () => {
  test.each([
    ['provision', true, 'retry'],
    ['provision', false, 'permanent'],
    ['provision', undefined, 'permanent'],
    ['provision', 'perhaps', 'permanent'],
    ['terminate', true, 'retry'],
    ['terminate', false, 'config'],
    ['terminate', undefined, 'retry'],
    ['stop', false, 'config'],
    ['list', undefined, 'retry'],
    ['get_instance', false, 'config'],
  ] as const)('of %s with retry_possible %s is of the kind %s', async (action, retryPossible, kind) => {
    const answer = JSON.stringify({ success: false, error: 'no room left', retry_possible: retryPossible });
    const told = failure(await ask(bench.answering(answer), action));
    expect(told).toMatchObject({ kind, outcome: 'refused' });
    expect(told.message).toContain('no room left');
    expect(told.publicText).not.toContain('no room left');
  });

  test('counts also when the script then ends with an error', async () => {
    const answer = '{"success":false,"error":"no","retry_possible":true}';
    expect(failure(await ask(bench.answering(answer, { exit: 7 }), 'provision'))).toMatchObject({
      kind: 'retry',
      outcome: 'refused',
      message: expect.stringContaining('exit 7'),
    });
  });

  test('may name the machine that was left half made', async () => {
    const answer = '{"success":false,"error":"no","instance":{"external_id":"vm-9"}}';
    expect(await ask(bench.answering(answer), 'provision')).toMatchObject({ ok: false, externalId: 'vm-9' });
  });
});

describe('an answer that cannot be used leaves the outcome unknown', () => {
  const success = '{"success":true,"instance":{"external_id":"vm-1"}}';
  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['blanks', ' \n\n'],
    ['a sentence', 'Machine created.'],
    ['text before the object', `creating...\n${success}`],
    ['text after the object', `${success}\ndone`],
    ['two objects', `${success}\n${success}`],
    ['a list', `[${success}]`],
    ['a number', '1'],
    ['null', 'null'],
    ['half an object', success.slice(0, -2)],
    ['no "success"', '{"instance":{"external_id":"vm-1"}}'],
    ['"success" in quotes', '{"success":"true"}'],
    ['NaN', '{"success":true,"health":NaN}'],
    ['binary garbage', Buffer.from('\x7fELF\x02\x01\x00\xff\xfe\x80'.repeat(1000), 'latin1')],
    [
      'bytes that are not UTF-8 inside a name',
      Buffer.from('{"success":true,"instance":{"external_id":"v\xe4m"}}', 'latin1'),
    ],
    ['UTF-16', Buffer.from(`\ufeff${success}`, 'utf16le')],
    ['over 1 MiB', `{"success":true,"error":"${'x'.repeat(1024 * 1024)}"}`],
    ['endless depth', '['.repeat(500_000)],
    ['an id with a line break', '{"success":true,"instance":{"external_id":"a\\nb"}}'],
    ['an empty id', '{"success":true,"instance":{"external_id":""}}'],
    ['a port out of range', '{"success":true,"instance":{"external_id":"a","ssh_port":70000}}'],
    ['an address that is none', '{"success":true,"instance":{"external_id":"a","ip_address":"1.2.3.4; reboot"}}'],
  ])('%s', async (_name, answer) => {
    const script = bench.answering(answer);
    expect(failure(await ask(script, 'provision'))).toMatchObject({ kind: 'unknown-outcome', outcome: 'unknown' });
    expect(failure(await ask(script, 'get_instance'))).toMatchObject({ kind: 'retry', outcome: 'unknown' });
  });

  test('success and an error exit at once', async () => {
    const told = failure(await ask(bench.answering(success, { exit: 1 }), 'terminate'));
    expect(told).toMatchObject({
      kind: 'unknown-outcome',
      message: expect.stringContaining('said success and exited with 1'),
    });
  });

  test('but the name of a machine in it is not lost', async () => {
    const answer = '{"success":true,"instance":{"external_id":77,"ip_address":"nowhere"}}';
    expect(await ask(bench.answering(answer), 'provision')).toMatchObject({ ok: false, externalId: '77' });
  });

  test('as does a script that dies', async () => {
    const script = bench.script('echo \'{"success":true}\'; kill -KILL $$');
    expect(failure(await ask(script, 'terminate'))).toMatchObject({
      kind: 'unknown-outcome',
      message: expect.stringContaining('died of SIGKILL'),
    });
  });

  test('as does a script that is killed at its time limit', async () => {
    // The time limit is over as soon as it is set.
    const hurry: Clock = { ...systemClock, after: (ms, fn) => systemClock.after(ms >= 300_000 ? 0 : ms, fn) };
    const script = bench.script('exec sleep 1000');
    for (const [action, kind] of [
      ['provision', 'unknown-outcome'],
      ['terminate', 'unknown-outcome'],
      ['list', 'retry'],
      ['health_check', 'retry'],
    ] as const) {
      const told = failure(await ask(script, action, hurry));
      expect(told).toMatchObject({ kind, outcome: 'unknown', message: expect.stringContaining('time limit') });
    }
  });
});

describe('a script that cannot be started', () => {
  test.each<[string, () => string, string]>([
    ['is missing', () => '/nonexistent/script', 'does not exist'],
    ['is not executable', () => bench.script('', 0o644), 'not executable'],
    ['has a wrong interpreter', () => bench.script('#!/nonexistent/python\n'), 'interpreter'],
  ])('because it %s is a setting to correct, and certainly did nothing', async (_name, executable, why) => {
    for (const action of ACTIONS) {
      expect(failure(await ask(executable(), action))).toMatchObject({
        kind: 'config',
        outcome: 'never-ran',
        message: expect.stringContaining(why),
      });
    }
  });
});

describe('what a script wrote', () => {
  test('shows its end to the operator, without secrets, and never to the tenant', async () => {
    const script = bench.script(
      [
        'echo "login root, password: hunter2hunter2" >&2',
        'echo "https://admin:s3cr3t@backend/" >&2',
        'echo "Authorization: Bearer abcdef0123456789" >&2',
        'printf "disk is full\\033[2J\\n" >&2',
        'exit 1',
      ].join('\n'),
    );
    const { message, publicText } = failure(await ask(script, 'provision'));
    expect(message).toContain('disk is full [2J');
    expect(message).not.toMatch(/hunter2|s3cr3t|abcdef0123456789|\u001b|\n/);
    expect(publicText).not.toContain('disk');
  });

  test('is never quoted from its answer: that is where passwords are', async () => {
    for (const answer of [
      '{"success":true,"instance":{"external_id":"","root_password":"hunter2"}}',
      '{"success":true,"root_password":"hunter2"',
      '{"success":false,"error":"it failed, hunter2","instance":{"external_id":"a","root_password":"hunter2"}}',
    ]) {
      const { message } = failure(await ask(bench.answering(answer), 'provision'));
      expect(message).not.toContain('hunter2');
    }
  });
});
