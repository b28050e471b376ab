import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { expect, test } from 'vitest';
import { MINIMAL, options, problemsOf } from './fixtures.ts';
import { parseConfig } from './load.ts';
import { keysOf, TABLES } from './reference.ts';
import { ConfigError, type ConfigProblem } from './types.ts';

/** Accepted, or refused with problems that each have a place inside the text; anything else is a crash. */
function judge(text: string): readonly ConfigProblem[] {
  try {
    parseConfig(text, 'a.toml', options);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = text.split('\n');
    expect(error.problems).not.toEqual([]);
    expect(error.problems.filter((problem) => !isInside(problem, lines))).toEqual([]);
    return error.problems;
  }
}

function isInside({ line, column }: ConfigProblem, lines: readonly string[]): boolean {
  const text = lines[line - 1];
  return text !== undefined && column >= 1 && column <= text.length + 1;
}

const builtins = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
const ours = [
  ...Object.keys(TABLES),
  ...Object.values(TABLES).flatMap((schema) => keysOf(schema).map(({ key }) => key)),
].concat('targets', 'provisioner', 'additional_provisioners', 'name', 'type', 'docker', 'script', 'file', 'credential');
const name = fc.oneof(fc.constantFrom(...ours), fc.constantFrom(...builtins), fc.string({ maxLength: 8 }));
const plain = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }),
  fc.constantFrom('docker', 'script', '/abs', 'https://x.org', 'ab'.repeat(32), ...builtins),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof({ maxDepth: 4 }, plain, fc.array(tie('tree'), { maxLength: 3 }), tableOf(tie('tree'))),
}));

function tableOf(value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  // By entries, because an object literal would swallow __proto__.
  return fc.array(fc.tuple(name, value), { maxLength: 6 }).map((entries) => Object.fromEntries(entries));
}

test('whatever a document holds, it is accepted or refused with places, and nobody’s prototype changes', () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(tableOf(tree), (content) => {
      judge(stringify(content));
    }),
    { numRuns: 1000 },
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect({}).not.toHaveProperty('polluted');
});

test('a valid file with a piece of rubbish anywhere is accepted or refused with places', () => {
  const rubbish = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '[',
      ']]',
      '"""',
      "'''",
      '{',
      '}',
      '=',
      '\\',
      '\0',
      '\r',
      '\uFEFF',
      '\uD800',
      '#',
      '\n[[targets]]\n',
    ),
  );
  fc.assert(
    fc.property(fc.nat(MINIMAL.length), fc.nat(8), rubbish, (at, cut, piece) => {
      judge(MINIMAL.slice(0, at) + piece + MINIMAL.slice(at + cut));
    }),
    { numRuns: 2000 },
  );
});

test('no value of a file, whatever its place, is made a text by what it says itself', () => {
  const value = '{ toString = {}, valueOf = {}, toJSON = {} }';
  const accepted: string[] = [];
  const refuse = (text: string): void => void (judge(text).length > 0 || accepted.push(text));
  // A table of another plugin's settings is passed over.
  for (const key of ours.filter((one) => one !== 'script')) {
    const target = [`name = "b"`, `type = "docker"`].filter((line) => !line.startsWith(key));
    refuse(`${MINIMAL}\n[[targets]]\n${target.join('\n')}\n${key} = ${value}`);
    refuse(`${MINIMAL}\n[[targets]]\n${target.join('\n')}\n[targets.docker]\n${key} = ${value}`);
    for (const table of Object.keys(TABLES)) refuse(`[${table}]\n${key} = ${value}\n`);
  }
  const lines = MINIMAL.split('\n');
  for (const [index, line] of lines.entries())
    if (line.includes('=')) refuse(lines.with(index, line.replace(/=.*/, `= ${value}`)).join('\n'));
  expect(accepted).toEqual([]);
});

test.each(['__proto__', 'constructor'])('%s is no way into the agent’s own objects', (key) => {
  for (const text of [
    `[${key}]\npolluted = 1`,
    `["${key}"]\npolluted = 1`,
    `${key}.polluted = 1`,
    `[api]\n${key} = { polluted = 1 }`,
    `[[targets]]\n[targets.${key}]\npolluted = 1`,
    `${MINIMAL}[targets.docker]\n"${key}" = { polluted = 1 }`,
  ]) {
    expect(problemsOf(text).map(({ message }) => message)).toEqual([
      'is not TOML: document contains an unsafe property',
    ]);
  }
  expect({}).not.toHaveProperty('polluted');
});

test.each(builtins)('what every object has is no known name: %s', (word) => {
  const target = (line: string) => `${MINIMAL}\n[[targets]]\nname = "b"\n${line}`;
  expect(problemsOf(target(`type = "${word}"`)).map(({ message }) => message)).toEqual([
    'is no provisioner of this agent',
  ]);
  if (word === '__proto__' || word === 'constructor') return;
  expect(problemsOf(`${MINIMAL}[polling]\n${word} = 1`).map(({ message }) => message)).toEqual(['unknown key']);
  expect(problemsOf(`${word} = 1\n${MINIMAL}`).map(({ message }) => message)).toEqual(['unknown key']);
});

const times = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('');

/** Half a megabyte each. Where the work grew with the square of the size, these ran out of memory or of the test's minute. */
test.each<[what: string, text: string]>([
  ['a dotted key of many parts', `${'a.'.repeat(250_000)}a = 1`],
  ['a header of many parts', `[${'a.'.repeat(250_000)}a]`],
  ['brackets without end', `a = ${'['.repeat(500_000)}`],
  ['a giant key with many below it', `["${'x'.repeat(250_000)}"]\n${times(25_000, (i) => `k${i} = 1\n`)}`],
  ['many unknown keys', times(30_000, (i) => `k${i} = 1\n`)],
  ['many placeholders', `[polling]\n${times(25_000, (i) => `k${i} = "CHANGEME"\n`)}`],
  ['many nameless targets', times(25_000, () => '[[targets]]\ntype="x"\n')],
  ['many targets that need a name', times(15_000, () => '[[additional_provisioners]]\ntype="docker"\n')],
  ['many ignored tables', times(9000, () => '[[additional_provisioners]]\ntype="docker"\nproxmox.x="CHANGEME"\n')],
])('no hang: %s', (_what, text) => {
  expect(judge(text).length).toBeGreaterThan(0);
});
