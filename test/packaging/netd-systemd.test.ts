import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allCommands } from '../../src/cli/commands/index.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { gatewayTable } from '../../src/config/schema.ts';
import { ROOT, run } from './run.ts';

const UNITS = ['dc-agent-netd.service', 'dc-agent-netd.socket'];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dc-netd-unit-'));
  const program = join(directory, 'dc-agent');
  await writeFile(program, '#!/bin/sh\n');
  await chmod(program, 0o755);
  for (const name of UNITS) {
    const text = await readFile(join(ROOT, 'systemd', name), 'utf8');
    await writeFile(join(directory, name), text.replaceAll('/usr/local/bin/dc-agent', program));
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const unit = (name: string): Promise<string> => readFile(join(ROOT, 'systemd', name), 'utf8');
const ANALYZE = 'systemd-analyze';
const missing = spawnSync(ANALYZE, ['--version']).error !== undefined;

describe.skipIf(missing)('the network helper’s units (needs systemd-analyze)', () => {
  test('systemd understands every line', async () => {
    const files = UNITS.map((name) => join(directory, name));
    expect(await run(ANALYZE, ['verify', ...files])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('systemd calls its exposure at most 2.0 of 10', async () => {
    const args = [
      'security',
      '--offline=true',
      '--no-pager',
      '--threshold=20',
      join(directory, 'dc-agent-netd.service'),
    ];
    const { code, stdout } = await run(ANALYZE, args);
    expect(code, stdout).toBe(0);
  });
});

test('it has one capability, and its socket is for the agent’s group alone', async () => {
  const service = await unit('dc-agent-netd.service');
  expect(service).toMatch(/^CapabilityBoundingSet=CAP_NET_ADMIN$/m);
  expect(service).toMatch(/^AmbientCapabilities=CAP_NET_ADMIN$/m);
  const socket = await unit('dc-agent-netd.socket');
  expect(socket).toMatch(/^SocketGroup=dc-agent$/m);
  expect(socket).toMatch(/^SocketMode=0660$/m);
});

test('the socket is where the agent asks, and both come before the agent', async () => {
  const standard = gatewayTable.parse({ dc_id: 'dc-sl', public_ip: '203.0.113.1' }).helper_socket;
  expect(await unit('dc-agent-netd.socket')).toContain(`ListenStream=${standard}\n`);
  for (const name of UNITS) expect(await unit(name)).toMatch(/^Before=dc-agent.service$/m);
});

test('its command is one that the program knows, and a wrong configuration ends it for good', async () => {
  const service = await unit('dc-agent-netd.service');
  const command = /^ExecStart=\S+ --config \S+ (.+)$/m.exec(service)?.[1];
  expect(allCommands.find(({ name }) => name === command)).toMatchObject({ hidden: true });
  expect(service).toMatch(new RegExp(`^RestartPreventExitStatus=${EXIT.config}$`, 'm'));
});
