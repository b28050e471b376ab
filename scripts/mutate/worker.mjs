// Runs tests of bundled files with one mutant switched on.
import { parentPort, workerData } from 'node:worker_threads';
import { collect } from './shim.mjs';

let active = 0;
let hits = new Set();
globalThis.__mutant = (id) => {
  hits.add(id);
  return id === active;
};

let loads = 0;
async function load(file) {
  return collect(() => import(`${workerData.files[file]}?${++loads}`));
}

/** Which mutants each test passes by, and how long it takes. What is passed while a file is loaded counts for all its tests. */
async function survey(file) {
  hits = new Set();
  const tests = await load(file);
  const atLoad = [...hits];
  const found = [];
  for (const [index, test] of tests.entries()) {
    hits = new Set();
    const begun = performance.now();
    await test.run();
    found.push({ file, index, name: test.name, ms: performance.now() - begun, hits: [...hits, ...atLoad] });
  }
  return found;
}

/** The name of the first test that fails with a mutant; undefined when it survives them all. */
async function attack({ id, tests }) {
  active = id;
  const loaded = new Map();
  for (const { file, index, name, ms } of tests) {
    parentPort.postMessage({ running: name, ms });
    try {
      if (!loaded.has(file)) loaded.set(file, await load(file));
      const test = loaded.get(file)[index];
      if (test === undefined) return `${name} (no longer there)`;
      await test.run();
    } catch {
      return name;
    }
  }
  return undefined;
}

parentPort.on('message', async (job) => {
  if (job.survey !== undefined) parentPort.postMessage({ surveyed: await survey(job.survey) });
  else parentPort.postMessage({ attacked: job.id, killedBy: await attack(job) });
});
