import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { attestor, BEGIN, exampleExport, exportOf, INTERVAL_MS, recordAll, stranger, uptimeLog } from './fixtures.ts';
import { compare, verify } from './verify.ts';

const isSigned = attestor.isSigned;
let file: string;
let lines: readonly string[];
beforeAll(async () => {
  file = await exampleExport(26);
  lines = file.trimEnd().split('\n');
});

const judge = (text: string) => verify(text, isSigned, attestor.agent);
const join = (some: readonly string[]): string => some.map((line) => `${line}\n`).join('');

describe('an exported uptime log', () => {
  it('is found to be whole, with what is in it', () => {
    const verdict = judge(file);
    expect(verdict.flaws).toEqual([]);
    expect(verdict.gaps).toEqual([]);
    expect(verdict.samples).toHaveLength(26);
    expect(verdict.marks).toBe(3);
  });

  it('shows every change of a single bit', () => {
    const bytes = Buffer.from(file);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(judge(changed.toString('latin1')).flaws).not.toEqual([]);
      }),
      { numRuns: 250 },
    );
  });

  it('shows lines that were taken out, doubled or exchanged, wherever', () => {
    const index = fc.nat(lines.length - 2);
    fc.assert(
      fc.property(index, index, (a, b) => {
        const without = [...lines.slice(0, a), ...lines.slice(a + 1)];
        expect(judge(join(without)).flaws).not.toEqual([]);
        expect(
          judge(join([...lines.slice(0, a), ...lines.slice(a)].toSpliced(b, 0, lines[a] ?? ''))).flaws,
        ).not.toEqual([]);
        const exchanged = [...lines];
        [exchanged[a], exchanged[b]] = [lines[b] ?? '', lines[a] ?? ''];
        if (lines[a] !== lines[b]) expect(judge(join(exchanged)).flaws).not.toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('shows an end that was cut off anywhere but behind a signature', () => {
    for (let length = 0; length < file.length; length += 1 + (length % 3)) {
      const cut = file.slice(0, length);
      const whole = cut.endsWith('\n') && cut.split('\n').at(-2)?.startsWith('mark') === true;
      expect(judge(cut).flaws.length > 0, `${length} bytes`).toBe(!whole);
    }
  });

  it('says until where a changed file is as it was signed', () => {
    const changed = lines.with(20, lines[20]?.replace('up', 'down') ?? '');
    const [flaw] = judge(join(changed)).flaws;
    expect(flaw).toMatchObject({ kind: 'broken', line: 26 });
    expect(flaw?.text).toContain('up to line 13 it is as it was signed');
  });

  it('is not taken for that of another agent', () => {
    expect(verify(file, isSigned, stranger.agent).flaws[0]).toMatchObject({ kind: 'wrong-signer', line: 1 });
    const relabelled = join([lines[0]?.replace(attestor.agent, stranger.agent) ?? '', ...lines.slice(1)]);
    expect(verify(relabelled, isSigned, stranger.agent).flaws[0]).toMatchObject({ kind: 'broken' });
  });

  it('names the times in which nobody looked', async () => {
    const disk = new ModelDisk();
    await recordAll(uptimeLog(disk), ['up', 'up']);
    await recordAll(uptimeLog(disk), ['up', 'up'], BEGIN + 86_400_000);
    const verdict = judge(await exportOf(disk));
    expect(verdict.flaws).toEqual([]);
    expect(verdict.gaps).toEqual([{ from: BEGIN + INTERVAL_MS, to: BEGIN + 86_400_000 }]);
  });
});

describe('two files of one log', () => {
  async function grown(): Promise<{ earlier: string; later: string }> {
    const disk = new ModelDisk();
    const log = uptimeLog(disk);
    await recordAll(log, Array(20).fill('up'));
    const earlier = await exportOf(disk);
    await recordAll(log, Array(20).fill('up'), BEGIN + 20 * INTERVAL_MS);
    return { earlier, later: await exportOf(disk) };
  }

  it('agree, whichever is held against the other, and the shorter one is seen to be short', async () => {
    const { earlier, later } = await grown();
    expect(compare(judge(later), judge(earlier))).toEqual([]);
    expect(compare(judge(earlier), judge(later))).toMatchObject([{ kind: 'truncated' }]);
  });

  it('show that the past was signed anew', async () => {
    const { earlier } = await grown();
    const disk = new ModelDisk();
    await recordAll(uptimeLog(disk), [...Array(5).fill('up'), 'down', ...Array(30).fill('up')]);
    const forged = judge(await exportOf(disk));
    expect(forged.flaws).toEqual([]);
    expect(compare(forged, judge(earlier))[0]?.text).toContain('different pasts: entry 7');
  });
});
