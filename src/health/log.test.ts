import { describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import {
  attestor,
  BEGIN,
  CONTRACT,
  DIRECTORY,
  exportOf,
  INTERVAL_MS,
  OTHER,
  recordAll,
  stranger,
  textOn,
  uptimeLog,
} from './fixtures.ts';
import { readText, samplesOf } from './read.ts';
import { verify } from './verify.ts';

const isWhole = (file: string): void => expect(verify(file, attestor.isSigned, attestor.agent).flaws).toEqual([]);

describe('the uptime log', () => {
  it('goes on where an earlier process ended', async () => {
    const disk = new ModelDisk();
    for (let life = 0; life < 5; life++)
      await recordAll(uptimeLog(disk), ['up', 'up', 'up'], BEGIN + life * 3 * INTERVAL_MS);
    expect(samplesOf(await textOn(disk))).toHaveLength(15);
    isWhole(await exportOf(disk));
  });

  it('loses at most what was not safe in a power cut, and holds nothing that was not recorded', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const disk = new ModelDisk();
      const recorded = new Set<number>();
      const safe = new Set<number>();
      let at = BEGIN;
      for (let life = 0; life < 4; life++) {
        const log = uptimeLog(disk);
        for (let index = random.below(20); index >= 0; index--) {
          at += INTERVAL_MS;
          recorded.add(at);
          await log.record(CONTRACT, { at, state: 'up' });
          safe.add(at);
        }
        // The power goes while one is being written.
        at += INTERVAL_MS;
        recorded.add(at);
        const writing = log.record(CONTRACT, { at, state: 'up' });
        for (let turns = random.below(8); turns > 0; turns--) await Promise.resolve();
        const frozen = disk.crashed(random);
        await writing;
        disk.files.clear();
        for (const [path, file] of frozen) disk.files.set(path, file);
      }
      await recordAll(uptimeLog(disk), ['up'], at + INTERVAL_MS);
      const found = new Set(samplesOf(await textOn(disk)).map((sample) => sample.at));
      expect(
        [...safe].filter((one) => !found.has(one)),
        `seed ${seed}: was safe`,
      ).toEqual([]);
      expect([...found].filter((one) => !recorded.has(one))).toEqual([at + INTERVAL_MS]);
      isWhole(await exportOf(disk));
    }
  });

  it('loses what a full disk does not take, says so, and goes on when there is room', async () => {
    const disk = new ModelDisk();
    const log = uptimeLog(disk);
    await recordAll(log, ['up']);
    disk.failure = new Error('ENOSPC');
    await recordAll(log, ['up', 'up'], BEGIN + INTERVAL_MS);
    expect(log.problem).toBe('ENOSPC');
    disk.failure = undefined;
    await recordAll(log, ['up'], BEGIN + 3 * INTERVAL_MS);
    expect(log.problem).toBeUndefined();
    expect(samplesOf(await textOn(disk)).map(({ at }) => (at - BEGIN) / INTERVAL_MS)).toEqual([0, 3]);
    isWhole(await exportOf(disk));
  });

  it('keeps damaged parts as they are and begins anew, so that nobody signs what was not seen', async () => {
    const disk = new ModelDisk();
    await recordAll(uptimeLog(disk), Array(14).fill('down'));
    const [path, file] = [...disk.files][0] ?? [];
    if (path === undefined || file === undefined) throw new Error('there is no log');
    file.bytes = Buffer.from(Buffer.from(file.bytes).toString().replace('down', 'up'));
    await recordAll(uptimeLog(disk), ['up'], BEGIN + 20 * INTERVAL_MS);
    expect([...disk.files.keys()]).toHaveLength(2);
    await expect(exportOf(disk)).rejects.toThrow('signature does not fit');
  });

  it('keeps 30 days and not much more', async () => {
    const disk = new ModelDisk();
    const log = uptimeLog(disk, { intervalMs: 3_600_000 });
    for (let hour = 0; hour < 90 * 24; hour++)
      await log.record(CONTRACT, { at: BEGIN + hour * 3_600_000, state: 'up' });
    const ages = samplesOf(await textOn(disk)).map(({ at }) => 90 - (at - BEGIN) / 86_400_000);
    expect(Math.max(...ages)).toBeGreaterThan(30);
    expect(Math.max(...ages)).toBeLessThan(37);
    isWhole(await exportOf(disk));
  });

  it('does not grow without bound, however often a machine goes up and down', async () => {
    const disk = new ModelDisk();
    const log = uptimeLog(disk, { segmentLines: 100 });
    for (let index = 0; index < 2_000; index++)
      await log.record(CONTRACT, { at: BEGIN + index * 1000, state: index % 2 === 0 ? 'up' : 'down' });
    expect(disk.files.size).toBe(12);
    isWhole(await exportOf(disk));
  });

  it('writes no line for what it has just written', async () => {
    const disk = new ModelDisk();
    const log = uptimeLog(disk);
    for (let second = 0; second < 60; second++) await log.record(CONTRACT, { at: BEGIN + second * 1000, state: 'up' });
    expect(samplesOf(await textOn(disk))).toHaveLength(1);
  });

  it('continues the same chain under a new key and a new interval', async () => {
    const disk = new ModelDisk();
    await recordAll(uptimeLog(disk), ['up', 'up']);
    await recordAll(uptimeLog(disk, { intervalMs: 600_000 }), ['up'], BEGIN + 2 * INTERVAL_MS);
    isWhole(await exportOf(disk));
    await recordAll(uptimeLog(disk, { intervalMs: 600_000, as: stranger }), ['up'], BEGIN + 3 * INTERVAL_MS);
    const file = await exportOf(disk, stranger);
    expect(verify(file, attestor.isSigned).flaws).toEqual([]);
    expect(verify(file, attestor.isSigned, attestor.agent).flaws).toMatchObject([{ kind: 'wrong-signer', line: 6 }]);
  });

  it('forgets contracts that the ledger has forgotten', async () => {
    const disk = new ModelDisk();
    const log = uptimeLog(disk);
    await log.record(CONTRACT, { at: BEGIN, state: 'up' });
    await log.record(OTHER, { at: BEGIN, state: 'up' });
    await log.forget((contract) => contract === OTHER);
    expect(await textOn(disk)).toBe('');
    expect(samplesOf(await readText(disk, DIRECTORY, OTHER))).toHaveLength(1);
  });
});
