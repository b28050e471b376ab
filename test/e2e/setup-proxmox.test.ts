import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { type Built, buildProgram, type Process, start } from '../cli/built.ts';
import { login, makeKey } from './ground/login.ts';
import { type ProxmoxBackend, proxmoxBackend, whyNoDoors } from './ground/proxmox.ts';
import { Pulse } from './ground/pulse.ts';

const noDoors = process.env['CI'] === 'true' ? undefined : await whyNoDoors();
const skipped = noDoors === undefined ? '' : ` (skipped: ${noDoors})`;

/** From an administrator's login to a tenant's: the built program, as typed, against real TLS, HTTP and SSH servers. */
describe.skipIf(noDoors !== undefined).each(['8.4', '9.1'] as const)(
  `setup proxmox on version %s${skipped}`,
  (personality) => {
    const pulse = new Pulse(60_000);
    let home: string;
    let built: Built;
    let platform: DevPlatform;
    let backend: ProxmoxBackend;
    let images: Server;
    let agent: Process | undefined;
    let argv: string[];
    let before: unknown;

    const dc = async (...words: string[]): Promise<{ code: number | null; out: string; err: string }> => {
      const env = { HOME: home, DC_SETUP_TOKEN: platform.setupToken };
      const process = start(built.file, ['--config', join(home, 'dc-agent.toml'), ...words], env);
      const { code } = await process.ended;
      return { code, out: process.out(), err: process.err() };
    };

    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'dc-setup-e2e-'));
      built = await buildProgram();
      platform = await startDevPlatform({ keyDirectory: home, seedOffering: 'proxmox' });
      platform.core.onExchange(() => pulse.beat());
      backend = await proxmoxBackend({ personality })(home, pulse);
      before = picture();
      const image = qcow2(2 ** 31);
      images = createServer((_request, response) => response.end(image));
      await new Promise<void>((resolve) => images.listen(0, '127.0.0.1', resolve));
      const { server, playground } = backend.host;
      await writeFile(join(home, 'password'), playground.root.password, { mode: 0o600 });
      const cidr = /cidr = "([^"]+)"/.exec(backend.settings)?.[1] ?? '';
      argv = [
        'setup',
        'proxmox',
        '--api-url',
        server.url,
        '--fingerprint',
        server.fingerprint,
        '--password-file',
        join(home, 'password'),
        '--platform-url',
        platform.url,
        '--state-dir',
        join(home, 'state'),
        '--guest-agent',
        'none',
        '--addresses',
        cidr,
        '--no-service',
        '--yes',
        '--pool',
        'shop',
        '--user',
        'shop@pve',
        '--role',
        'Shop',
        '--image-url',
        `http://127.0.0.1:${(images.address() as AddressInfo).port}/lab.qcow2`,
        '--image-checksum',
        createHash('sha256').update(image).digest('hex'),
        '--image-name',
        'lab',
      ];
    }, 60_000);
    afterAll(async () => {
      agent?.signal('SIGKILL');
      await agent?.ended;
      images?.close();
      await backend?.close();
      await platform?.close();
      await built?.remove();
      await rm(home, { recursive: true, force: true });
    });

    test('one command makes everything, and proves it with a machine that it logs in to', async () => {
      expect((await dc(...argv, '--dry-run')).code).toBe(EXIT.ok);
      expect(picture()).toEqual(before);
      const { code, out, err } = await dc(...argv, '--test-provision');
      expect(code, `${err}\n${out}`).toBe(EXIT.ok);
      expect(out).toMatch(/PASS {2}A machine was made .* and removed/);
      expect(backend.problems).toEqual([]);
    }, 60_000);

    test('a tenant rents, logs in, and leaves nothing behind', async () => {
      const file = join(home, 'dc-agent.toml');
      const config = await readFile(file, 'utf8');
      await writeFile(file, config.replace('[polling]', '[polling]\ninterval_seconds = 1\nwork_interval_seconds = 1'));
      agent = start(built.file, ['--config', file, 'run'], { HOME: home });
      await agent.says(/"agent is running"/);
      const { publicKey, privateKey } = makeKey();
      const contract = platform.core.admin.rent({ offering: platform.offering, sshKey: publicKey });
      const said = (): string => agent?.out() ?? '';
      const guest = await pulse.until(
        'the machine delivered',
        () => (contract.status === 'active' || contract.status === 'provisioned') && backend.guestOf(contract.id),
        said,
      );
      const host = /ip=([\d.]+)/.exec(guest.config.get('ipconfig0') ?? '')?.[1] ?? '';
      expect(await login({ host, port: 22 }, privateKey, 'echo hello')).toBe('hello\n');
      platform.core.admin.cancel(contract.id);
      await pulse.until('the machine gone', () => backend.guestOf(contract.id) === undefined, said);
      agent.signal('SIGTERM');
      await agent.ended;
    }, 60_000);

    test('again it changes nothing; taken back, only what it made is gone', async () => {
      const config = await readFile(join(home, 'dc-agent.toml'), 'utf8');
      const again = await dc(...argv);
      expect(again.code, again.err).toBe(EXIT.ok);
      expect(again.err).toContain('Everything on the cluster is as it should be.');
      expect(await readFile(join(home, 'dc-agent.toml'), 'utf8')).toBe(config);
      const undone = await dc(...argv, '--undo');
      expect(undone.code, undone.err).toBe(EXIT.ok);
      expect(picture()).toEqual(before);
    }, 60_000);

    function picture(): unknown {
      const { guests, pools, users, acl, roles } = backend.host.playground.core.cluster;
      return structuredClone([[...guests.keys()], [...pools.keys()], [...users.keys()], acl, [...roles]]);
    }
  },
);

/** As much of an image as a host looks at: magic, version, no backing file, the size of the disk. */
function qcow2(diskBytes: number): Buffer {
  const head = Buffer.alloc(512);
  head.write('QFI\xfb', 'latin1');
  head.writeUInt32BE(3, 4);
  head.writeBigUInt64BE(BigInt(diskBytes), 24);
  return head;
}
