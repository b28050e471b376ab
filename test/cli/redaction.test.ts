import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { Secret } from '../../src/ports/secret.ts';
import { type Built, buildProgram, type Process, start } from './built.ts';

/**
 * Secrets are planted wherever one can get in (key file, token, scripts' answers, errors and noise, a backend that echoes what it was
 * told), and then everything that the program says or leaves for others to read is searched for them.
 */
describe('no secret leaves by any door', () => {
  const PASSWORDS = { answer: 'Tr0ub4dor-machine', error: 'c0rrect-horse-error', noise: 'battery-stapl3-noise' };
  /** Of the tenant whose key is known. */
  const SEALED = 'Zweih4nder-sealed-up';
  const TENANT = createSigner(new Secret('6b'.repeat(32))).publicKey;
  const BEARER = 'bearer-Zm9vYmFyYmF6cXV4';
  const PEM = 'MC4CAQAwBQYDK2VwBCIEIPlantedPrivateKeyMaterial';
  let home: string;
  let built: Built;
  let platform: DevPlatform;
  let agent: Process | undefined;
  const said: { door: string; text: string }[] = [];
  const told: string[] = [];

  const program = async (door: string, ...argv: string[]): Promise<string> => {
    const run = start(built.file, ['--config', join(home, 'a.toml'), ...argv], { HOME: home });
    await run.ended;
    said.push({ door: `${door} (stdout)`, text: run.out() }, { door: `${door} (stderr)`, text: run.err() });
    return run.out();
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'dc-secrets-'));
    built = await buildProgram();
    platform = await startDevPlatform({ keyDirectory: join(home), seedOffering: 'script' });
    platform.core.onExchange((exchange) => void told.push(JSON.stringify(exchange)));
    await mkdir(join(home, 'scripts'));
    for (const [name, text] of Object.entries(scripts())) {
      await writeFile(join(home, 'scripts', name), text);
      await chmod(join(home, 'scripts', name), 0o755);
    }
    const registration = [
      'setup',
      'token',
      `--token=${platform.setupToken}`,
      `--api-url=${platform.url}`,
      '--provisioner=script',
      '--force',
      `--state-dir=${join(home, 'state')}`,
      ...['provision', 'terminate', 'health_check', 'list'].map((key) => `--set=${key}=${join(home, 'scripts', key)}`),
    ];
    await program('setup token', ...registration);
    await program('setup token, spent', ...registration);
    const config = await readFile(join(home, 'a.toml'), 'utf8');
    await writeFile(join(home, 'a.toml'), config.replace('[polling]', '[polling]\ninterval_seconds = 1'));
    await live('json');
    await live('pretty');
    await program('status, offline', 'status');
    await program('status --json, offline', 'status', '--json');
    await program('test-provision', 'test-provision');
    await program('test-provision --json', 'test-provision', '--json');
    await program('config explain', 'config', 'explain');
    await program('doctor --test-provision', 'doctor', '--test-provision', '--json');
  });

  afterAll(async () => {
    agent?.signal('SIGKILL');
    await agent?.ended;
    await platform.close();
    await built.remove();
    await rm(home, { recursive: true, force: true });
  });

  /** One life of the agent: two contracts, of which one fails, and every question that an operator may ask meanwhile. */
  async function live(format: 'json' | 'pretty'): Promise<void> {
    agent = start(built.file, ['--config', join(home, 'a.toml'), 'run', '--log-level=debug', `--log-format=${format}`]);
    await agent.says(/agent is running/);
    const good = platform.core.admin.rent({ offering: platform.offering, sshKey: SSH_KEY }).id;
    const bad = platform.core.admin.rent({
      offering: platform.offering,
      sshKey: SSH_KEY,
      instanceConfig: '{"fail":true}',
    }).id;
    const sealed = platform.core.admin.rent({
      offering: platform.offering,
      sshKey: SSH_KEY,
      instanceConfig: JSON.stringify({ sealed: true, tenant_pubkey: TENANT }),
    }).id;
    const handedOver = new Promise<void>((resolve) => {
      platform.core.onExchange(({ request }) => {
        if (request.path.endsWith(`${sealed}/password`)) resolve();
      });
    });
    await agent.says(/step done.*"?deliver|deliver[^\n]*step done/);
    await agent.says(/step failed/);
    await handedOver;
    platform.core.admin.cancel(good);
    await agent.says(/"step":"destroy"[^\n]*step failed|step failed[^\n]*"step":"destroy"/);
    const events = await eventsOf(join(home, 'state', 'agent.sock'));
    said.push({ door: `events (${format})`, text: events });
    for (const words of [
      ['status'],
      ['status', '--json'],
      ['doctor'],
      ['doctor', '--json'],
      ...[good, bad].flatMap((id) => [
        ['explain', id],
        ['explain', id, '--json'],
      ]),
      ['credential', sealed],
      ...(format === 'json' ? [['explain', sealed, '--json']] : [['reset-password', sealed, '--seal-for', TENANT]]),
    ]) {
      await program(`${words.join(' ')} (${format})`, ...words);
    }
    agent.signal('SIGTERM');
    await agent.ended;
    said.push({ door: `log (${format})`, text: agent.out() }, { door: `stderr of run (${format})`, text: agent.err() });
  }

  test('the doors were used: what was planted would have been seen', () => {
    const all = said.map(({ text }) => text).join('\n');
    // Each place where something was planted left its harmless words.
    const traces = [
      'cannot reach the hypervisor',
      'cannot log in',
      'agent is running',
      'step failed',
      'is used already',
    ];
    expect(traces.filter((trace) => !all.includes(trace))).toEqual([]);
    expect(
      said.filter(({ door, text }) => door.startsWith('explain') && text.includes('create failed')).length,
    ).toBeGreaterThan(0);
  });

  test('and no secret went through any of them', async () => {
    const key = (await readFile(join(home, '.dc-agent', 'agent.key'), 'utf8')).trim();
    const providerSeed = (await readFile(platform.providerKeyFile, 'utf8')).trim();
    const planted = {
      ...PASSWORDS,
      sealed: SEALED,
      bearer: BEARER,
      pem: PEM,
      key,
      providerSeed,
      token: platform.setupToken,
    };
    const leaks = said.flatMap(({ door, text }) =>
      Object.entries(planted)
        .filter(([, secret]) => spellings(secret).some((spelling) => text.includes(spelling)))
        .map(([name]) => `${name} in ${door}`),
    );
    expect(leaks).toEqual([]);
  });

  test('nor is one that was sealed in what the platform was told, where its envelope is', () => {
    const envelopes = said.filter(({ door }) => door.startsWith('credential') && door.includes('stdout'));
    expect(envelopes.map(({ text }) => JSON.parse(text))).toEqual([
      expect.objectContaining({ version: 2 }),
      expect.objectContaining({ version: 2 }),
    ]);
    const all = told.join('\n');
    for (const { text } of envelopes) expect(all).toContain(JSON.parse(text).ciphertext);
    expect(all).toContain(PASSWORDS.answer);
    expect(spellings(SEALED).filter((spelling) => all.includes(spelling))).toEqual([]);
  });

  test('nor is one in what the agent keeps on disk', async () => {
    const key = (await readFile(join(home, '.dc-agent', 'agent.key'), 'utf8')).trim();
    const files = (await readdir(join(home, 'state'), { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of [...files.map((entry) => join(entry.parentPath, entry.name)), join(home, 'a.toml')]) {
      const text = await readFile(file, 'utf8');
      const found = [...Object.values(PASSWORDS), SEALED, BEARER, PEM, key, platform.setupToken].filter((secret) =>
        text.includes(secret),
      );
      expect({ file, found }).toEqual({ file, found: [] });
    }
  });

  /** A backend as bad as they come: its answer holds a password, its errors and its noise hold more, and it repeats what it was told. */
  function scripts(): Record<string, string> {
    const state = join(home, 'machines.json');
    const head = `#!${process.execPath}
const fs = require('node:fs');
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const machines = fs.existsSync(${JSON.stringify(state)}) ? JSON.parse(fs.readFileSync(${JSON.stringify(state)}, 'utf8')) : {};
const save = () => fs.writeFileSync(${JSON.stringify(state)}, JSON.stringify(machines));
const answer = (value) => console.log(JSON.stringify(value));
console.error('root_password=${PASSWORDS.noise} Authorization: Bearer ${BEARER}');
`;
    return {
      provision: `${head}
if (asked.action === 'get_instance') {
  const known = machines[asked.external_id];
  answer({ success: known !== undefined, instance: known ? { external_id: asked.external_id, ip_address: '192.0.2.7', ssh_port: 22 } : null, ...(known ? {} : { error: 'not found' }) });
} else if (asked.instance_config && asked.instance_config.fail) {
  console.error('-----BEGIN PRIVATE KEY-----\\n${PEM}\\n-----END PRIVATE KEY-----');
  answer({ success: false, error: 'cannot reach the hypervisor: {"password": "${PASSWORDS.error}"} https://root:${PASSWORDS.error}@192.0.2.1/', retry_possible: true });
} else {
  const id = 'vm-' + asked.operation_id.slice(0, 8);
  machines[id] = asked.contract_id; save();
  answer({ success: true, instance: { external_id: id, ip_address: '192.0.2.7', ssh_port: 22, root_password: asked.instance_config?.sealed ? '${SEALED}' : '${PASSWORDS.answer}', additional_details: null } });
}
`,
      // Fails once for each machine, and names the password without any word that would give it away.
      terminate: `${head}
const tried = ${JSON.stringify(join(home, 'tried-'))} + asked.external_id;
if (fs.existsSync(tried)) { delete machines[asked.external_id]; save(); answer({ success: true }); }
else { fs.writeFileSync(tried, ''); answer({ success: false, error: 'cannot log in: ${PASSWORDS.answer} was refused', retry_possible: true }); }
`,
      health_check: `${head}answer({ success: true, health: { status: 'unhealthy', reason: 'login with password: ${PASSWORDS.error} failed' } });\n`,
      list: `${head}answer({ success: true, instances: Object.entries(machines).map(([external_id, contract_id]) => ({ external_id, contract_id, status: 'running' })) });\n`,
    };
  }
});

function spellings(secret: string): string[] {
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
}

/** What the event stream repeats for a reader that asks for everything. */
function eventsOf(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/v1/events', headers: { 'last-event-id': '0-0' } }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
        if (!/event: (reset|change)/.test(text)) return;
        call.destroy();
        resolve(text);
      });
    });
    call.on('error', reject);
    call.end();
  });
}

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfs+6XAzBCZjMTrQlvBUY7fxPpfHXmExbNjzCM4HZZk tenant';
