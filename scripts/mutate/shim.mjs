// As much of vitest as the tests of the heart use, so that a file of them is loaded and run in milliseconds.
export { expect } from 'vitest';

/** The tests of the file that is being loaded. */
let loading;

/** @param {() => Promise<unknown>} load */
export async function collect(load) {
  loading = { names: [], hooks: emptyHooks(), parent: undefined, tests: [] };
  const root = loading;
  await load();
  return root.tests;
}

function emptyHooks() {
  return { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] };
}

export function describe(name, body) {
  const outer = loading;
  loading = { names: [...outer.names, name], hooks: emptyHooks(), parent: outer, tests: outer.tests };
  body();
  loading = outer;
}

export function it(name, body) {
  const suite = loading;
  suite.tests.push({ name: [...suite.names, name].join(' > '), run: () => run(suite, body) });
}

describe.each = (rows) => (name, body) => {
  for (const [index, row] of rows.entries()) describe(title(name, row, index), () => body(...asArguments(row)));
};
it.each = (rows) => (name, body) => {
  for (const [index, row] of rows.entries()) it(title(name, row, index), () => body(...asArguments(row)));
};
it.skipIf = (skipped) => (skipped ? () => {} : it);

export const beforeAll = (hook) => void loading.hooks.beforeAll.push(hook);
export const afterAll = (hook) => void loading.hooks.afterAll.push(hook);
export const beforeEach = (hook) => void loading.hooks.beforeEach.push(hook);
export const afterEach = (hook) => void loading.hooks.afterEach.push(hook);

/** Every test is run with all hooks around it, as if it were alone in its file. */
async function run(suite, body) {
  const around = [];
  for (let one = suite; one !== undefined; one = one.parent) around.unshift(one.hooks);
  for (const hooks of around) for (const hook of [...hooks.beforeAll, ...hooks.beforeEach]) await hook();
  try {
    await body();
  } finally {
    for (const hooks of around.toReversed()) for (const hook of [...hooks.afterEach, ...hooks.afterAll]) await hook();
  }
}

function asArguments(row) {
  return Array.isArray(row) ? row : [row];
}

function title(name, row, index) {
  return `${name} #${index} ${Array.isArray(row) ? String(row[0]) : ''}`;
}
