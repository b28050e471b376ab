import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ago, duration, moment } from './duration.ts';
import { oneLine, table } from './table.ts';

const ESC = String.fromCharCode(27);

describe('table', () => {
  test('columns are as wide as their widest cell, right-aligned where asked, without trailing blanks', () => {
    const text = table(
      [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: '' }],
      [
        ['a', '1', ''],
        ['longer', '100', 'x'],
      ],
    );
    expect(text).toBe('NAME      N\na         1\nlonger  100  x');
  });

  test('colours take no room', () => {
    const rows = [
      [`${ESC}[31mred${ESC}[39m`, 'x'],
      ['blue', 'y'],
    ];
    expect(table([{ title: '' }, { title: '' }], rows)).toBe(`${ESC}[31mred${ESC}[39m   x\nblue  y`);
  });

  test('foreign text cannot break the lines', () => {
    expect(table([{ title: 'A' }], [['one\ntwo\rthree']]).split('\n')).toEqual(['A', 'one two three']);
  });

  test('a row of n cells is one line, whatever is in the cells', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 5 }), (cells) => {
        const lines = table(
          cells.map(() => ({ title: 't' })),
          [cells],
        ).split('\n');
        expect(lines.length).toBe(2);
      }),
    );
  });
});

test('text of backends cannot move the cursor or ring the bell', () => {
  expect(oneLine(`a${ESC}[2Jb${String.fromCharCode(7)}c`)).toBe('a [2Jb c');
});

describe('duration', () => {
  test.each([
    [0, '0 ms'],
    [850.4, '850 ms'],
    [2449, '2.4 s'],
    [59_999, '59 s'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [187_200_000, '2 d 4 h'],
    [-1500, '-1.5 s'],
    [Number.NaN, '?'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test('what never happened is never', () => {
    expect(ago(undefined, 5)).toBe('never');
    expect(ago(1000, 4000)).toBe('3.0 s ago');
    expect(ago(5000, 4000)).toBe('0 ms ago');
  });

  test('a moment is sortable, and nonsense is told', () => {
    expect(moment(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('2026-01-02 03:04:05');
    expect(moment(Number.NaN)).toBe('?');
  });
});
