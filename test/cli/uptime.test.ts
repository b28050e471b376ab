import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { UptimeLog, uptimeDirectory } from '../../src/health/index.ts';
import { createAttestor } from '../../src/identity/attest.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import { Secret } from '../../src/ports/secret.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { ROOT } from '../packaging/run.ts';
import { type Ground, prepareGround } from './ground.ts';

const CONTRACT = `ab${'0'.repeat(62)}` as ContractId;
const INTERVAL_MS = 300_000;

describe('uptime', () => {
  let ground: Ground;
  let exported: string;
  let file: string;

  beforeAll(async () => {
    ground = await prepareGround();
    const seed = new Secret((await readFile(join(ground.home, '.dc-agent', 'agent.key'), 'utf8')).trim());
    const log = new UptimeLog({
      disk: systemDisk,
      directory: uptimeDirectory(join(ground.home, 'state')),
      attestor: createAttestor(seed),
      intervalMs: INTERVAL_MS,
      log: silentLog,
    });
    const now = Date.now();
    for (let index = 24; index >= 0; index--) {
      const state = index === 6 || index === 7 ? 'down' : 'up';
      await log.record(CONTRACT, { at: now - index * INTERVAL_MS, state, ...(state === 'up' ? { latencyMs: 9 } : {}) });
    }
    file = join(ground.home, 'export.uptime');
    const { code, err } = await ground.dc(['uptime', 'export', 'ab', '--out', file]);
    if (code !== EXIT.ok) throw new Error(err);
    exported = await readFile(file, 'utf8');
  });
  afterAll(() => ground.close());

  test('of all contracts is a table, of one also a chart and its outages', async () => {
    const all = await ground.dc(['uptime']);
    expect(all.out).toMatch(/^CONTRACT +STATE +LOOKED AT/);
    expect(all.out).toMatch(/ab0000000000 +up +.*87\.50 %.*87\.50 %.*87\.50 %.* 1$/);
    const one = await ground.dc(['uptime', 'ab']);
    expect(one.code).toBe(EXIT.ok);
    expect(one.out).toContain('answered in 9 ms');
    expect(one.out).toMatch(/24 h +87\.50 % +1 h 45 min +15 min/);
    expect(one.out).toMatch(/24 h {2}·+[█▄▁]+/);
    expect(one.out).toMatch(/DOWN FROM[\s\S]*15 min$/);
  });

  test('as JSON holds the same figures', async () => {
    const { out } = await ground.dc(['uptime', 'ab', '--json']);
    const figures = JSON.parse(out);
    expect(figures).toMatchObject({ contract: CONTRACT, state: 'up', latencyMs: 9, windows: [{ up: 0.875 }, {}, {}] });
    expect(figures.outages).toHaveLength(1);
    expect(JSON.parse((await ground.dc(['uptime', '--json'])).out)).toHaveLength(1);
  });

  test('of a contract without a log is refused', async () => {
    const { code, err } = await ground.dc(['uptime', 'ff']);
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('no contract ff');
  });

  test('is proved by an export, on standard output too', async () => {
    const { code, out } = await ground.dc(['uptime', 'verify', file, '--agent-key', ground.agent]);
    expect(code).toBe(EXIT.ok);
    expect(out).toContain('right: nothing in it was changed');
    expect(out).toContain('87.50 % of the 2 h');
    expect((await ground.dc(['uptime', 'export', 'ab'])).out.split('\n')).toHaveLength(
      exported.trimEnd().split('\n').length,
    );
  });

  test('is not proved by a file that was changed, or by another key, and the words say why', async () => {
    const changed = join(ground.home, 'changed.uptime');
    await writeFile(changed, exported.replace('down', 'up'));
    const result = await ground.dc(['uptime', 'verify', changed]);
    expect(result.code).toBe(EXIT.failed);
    expect(result.out).toMatch(/wrong: line \d+: the signature does not fit/);
    expect(result.out).not.toContain('% of the');
    const stranger = await ground.dc(['uptime', 'verify', file, '--agent-key', 'cd'.repeat(32)]);
    expect(stranger.code).toBe(EXIT.failed);
    expect(stranger.out).toContain('not by the key that was given');
    const verdict = JSON.parse((await ground.dc(['uptime', 'verify', changed, '--json'])).out);
    expect(verdict).toMatchObject({ right: false, flaws: [{ kind: 'broken' }] });
    expect((await ground.dc(['uptime', 'verify', file, '--agent-key', 'xy'])).code).toBe(EXIT.usage);
  });

  test('holds a short file against a later one', async () => {
    const lines = exported.split('\n');
    const early = join(ground.home, 'early.uptime');
    await writeFile(early, `${lines.slice(0, lines.findIndex((line) => line.startsWith('mark')) + 1).join('\n')}\n`);
    expect((await ground.dc(['uptime', 'verify', early])).code).toBe(EXIT.ok);
    const { code, out } = await ground.dc(['uptime', 'verify', early, '--against', file]);
    expect(code).toBe(EXIT.failed);
    expect(out).toContain('the agent had signed entry');
  });

  test('is written as usage events that only the provider can send', async () => {
    const { out, err } = await ground.dc(['uptime', 'usage', 'ab']);
    const events = out.split('\n').map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ method: 'POST', path: `/api/v1/contracts/${CONTRACT}/usage` });
    const kinds = events.map(({ body }) => body.eventType);
    expect(kinds.filter((kind) => kind === 'session_start')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'session_end')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'heartbeat')).toHaveLength(23);
    expect(err).toContain('not sent');
    expect((await ground.dc(['uptime', 'usage', 'ab', '--since', 'soon'])).code).toBe(EXIT.usage);
  });

  test('is checked by the example of the documentation as well', async () => {
    const [, example = ''] = /^```js\n([\s\S]*?)^```/m.exec(await readFile(join(ROOT, 'docs/uptime.md'), 'utf8')) ?? [];
    const script = join(ground.home, 'check.mjs');
    await writeFile(script, example);
    const check = async (text: string, key = ground.agent): Promise<number | null> => {
      const path = join(ground.home, 'checked.uptime');
      await writeFile(path, text);
      return spawnSync(process.execPath, [script, path, key], { timeout: 20_000 }).status;
    };
    expect(await check(exported)).toBe(0);
    expect(await check(exported.replace(' up', ' down'))).toBe(1);
    expect(await check(exported.trimEnd().split('\n').slice(0, -1).join('\n'))).toBe(1);
    expect(await check(exported, 'cd'.repeat(32))).toBe(1);
  });
});
