import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contract } from './fixtures.ts';
import { contractsOfDamagedLine, decodeLine, encodeLine } from './line.ts';

describe('a line of the ledger', () => {
  it('is one JSON object that ends in a checksum of what comes before', () => {
    expect(encodeLine({ n: 1, c: 'x' })).toBe('{"n":1,"c":"x","s":"ab8526dc"}\n');
    expect(encodeLine({ n: 1 })).toMatch(/,"s":"[0-9a-f]{8}"\}\n$/);
  });

  it('pads a sum that is a small number', () => {
    const short = Array.from({ length: 2_000 }, (_, n) => encodeLine({ n })).filter((line) => line.includes('"s":"00'));
    expect(short.length).toBeGreaterThan(0);
    for (const line of short) expect(decodeLine(line.trimEnd())).toBeDefined();
  });

  it('is read as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__' && key !== 's'),
          fc.jsonValue(),
          { minKeys: 1 },
        ),
        (value) => {
          const line = encodeLine(value);
          expect(line.indexOf('\n')).toBe(line.length - 1);
          const { s: _sum, ...read } = decodeLine(line.slice(0, -1)) ?? {};
          expect(JSON.stringify(read)).toBe(JSON.stringify(value));
        },
      ),
    );
  });

  it('is damaged when any of its bytes is another one', () => {
    const line = Buffer.from(encodeLine({ n: 7, at: 5, c: contract(1), e: { type: 'closed', why: 'grün' } }).trimEnd());
    for (let index = 0; index < line.length; index++) {
      for (const flip of [0x01, 0x20, 0x80]) {
        const damaged = Buffer.from(line);
        damaged[index] = (damaged[index] ?? 0) ^ flip;
        expect(decodeLine(damaged.toString('utf8')), `byte ${index}`).toBeUndefined();
      }
    }
  });

  it('is damaged when it is cut anywhere', () => {
    const line = encodeLine({ n: 7, c: contract(1) }).trimEnd();
    for (let length = 0; length < line.length; length++) expect(decodeLine(line.slice(0, length))).toBeUndefined();
  });

  it('is damaged when its sum is right and it is no JSON', () => {
    expect(decodeLine(withSum('{"n":1'))).toEqual({ n: 1, s: 'ff61ec38' });
    expect(decodeLine(withSum('{"n":'))).toBeUndefined();
    expect(decodeLine(withSum('7'))).toBeUndefined();
  });
});

function withSum(text: string): string {
  return `${text},"s":"${crc32(text).toString(16).padStart(8, '0')}"}`;
}

describe('the contracts of a damaged line', () => {
  const known = new Map([1, 2, 3].map((number) => [contract(number), true]));
  const line = encodeLine({ n: 7, at: 5, c: contract(1), e: { type: 'closed', why: 'removed' } });

  it('are the one that it names', () => {
    expect(contractsOfDamagedLine(line.slice(0, -20), known)).toEqual([contract(1)]);
    expect(contractsOfDamagedLine(encodeLine({ r: { contract: contract(9) } }).slice(0, -3), known)).toEqual([
      contract(9),
    ]);
  });

  it('are not those that it only speaks of', () => {
    const event = {
      type: 'failed',
      step: 'create',
      kind: 'retry',
      text: `the name dc-${contract(2).slice(0, 16)} is taken`,
    };
    const speaking = encodeLine({ n: 7, at: 5, c: contract(1), e: event });
    expect(contractsOfDamagedLine(speaking.slice(0, -3), known)).toEqual([contract(1)]);
  });

  it('are both when the break between two lines was damaged', () => {
    const second = encodeLine({ n: 8, at: 5, c: contract(2), e: {} });
    expect(contractsOfDamagedLine(`${line.trimEnd()}x${second}`, known)).toEqual([contract(1), contract(2)]);
  });

  it('are those that it resembles when the name itself was damaged', () => {
    for (let index = 0; index < 64; index++) {
      const at = line.indexOf(contract(1)) + index;
      for (const wrong of ['0', 'g', '\n']) {
        if (line[at] === wrong) continue;
        const damaged = `${line.slice(0, at)}${wrong}${line.slice(at + 1)}`;
        const found = damaged.split('\n').flatMap((piece) => contractsOfDamagedLine(piece, known));
        expect(found, `character ${index} is ${wrong}`).toContain(contract(1));
      }
    }
  });

  it('are none when nothing is left of the name', () => {
    expect(contractsOfDamagedLine('{"n":7,"at":', known)).toEqual([]);
    expect(contractsOfDamagedLine('', known)).toEqual([]);
  });
});
