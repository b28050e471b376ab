import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../src/cli/doctor/report.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { journalFile } from '../../src/ledger/format.ts';
import { type Ground, prepareGround } from './ground.ts';

describe('doctor finds', () => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await prepareGround();
  });
  afterEach(() => ground.close());

  /** The findings that are not good, by code, and the exit code. */
  const examine = async (...options: string[]) => {
    const { code, out } = await ground.dc(['doctor', '--json', ...options]);
    const report: DoctorReport = JSON.parse(out);
    const bad = report.sections
      .flatMap(({ findings }) => findings)
      .filter(({ level }) => level === 'fail' || level === 'warn');
    return { code, ok: report.ok, bad: new Map(bad.map((finding) => [finding.code, finding])) };
  };

  test('a platform that is not there, and what to look at', async () => {
    await ground.platform.close();
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.failed);
    expect(bad.get('platform.unreachable')?.remedy).toContain(`curl -v ${ground.platform.url}/api/v1/health`);
  });

  test('a platform that never answers, without waiting for ever, and examines the rest', async () => {
    ground.platform.core.faults.add({ route: '*', times: 100, fault: { kind: 'hang' } });
    const { code, bad } = await examine('--timeout=1');
    expect(code).toBe(EXIT.failed);
    expect([...bad.keys()]).toContain('platform.timeout');
    expect([...bad.keys()]).toContain('sandbox.simulated');
  });

  test('a key that the platform has withdrawn, with the command that registers anew', async () => {
    ground.platform.core.admin.revoke(ground.agent);
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.failed);
    expect(bad.get('platform.key.refused')?.remedy).toContain('dc-agent setup token');
  });

  test('a missing key file', async () => {
    const file = join(ground.home, 'a.toml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('agent.key', 'gone.key'));
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.failed);
    expect(bad.get('key.unusable')?.title).toContain('gone.key');
  });

  test('a key file that others can read', async () => {
    await chmod(join(ground.home, '.dc-agent', 'agent.key'), 0o644);
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.ok);
    expect(bad.get('key.file')?.title).toContain('chmod 600');
  });

  test('a backend that is down', async () => {
    await ground.sandbox.close();
    const { code, ok } = await examine();
    expect({ code, ok }).toEqual({ code: EXIT.failed, ok: false });
  });

  test('a state directory that others can look into, and a damaged ledger', async () => {
    const ledger = join(ground.home, 'state', 'ledger');
    await mkdir(ledger, { recursive: true, mode: 0o700 });
    await chmod(join(ground.home, 'state'), 0o755);
    await appendFile(join(ledger, journalFile(0)), 'no ledger line at all\n');
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.ok);
    expect(bad.get('state.directory.open')?.remedy).toContain('chmod 700');
    expect([...bad.keys()]).toContain('state.ledger.damaged');
  });

  test('a state directory that is a file', async () => {
    await writeFile(join(ground.home, 'state'), '');
    const { code, bad } = await examine();
    expect(code).toBe(EXIT.failed);
    expect(bad.get('state.directory.unusable')?.title).toContain('not a directory');
  });

  test.each(['0', 'abc', '99999'])('--timeout=%s is refused before anything is asked', async (value) => {
    expect((await ground.dc(['doctor', `--timeout=${value}`])).code).toBe(EXIT.usage);
  });
});
