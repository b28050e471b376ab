/**
 * Which room may import which, by the folders of the source tree. `values` lists the rooms whose code a room may run,
 * `types` those that it may only name; every room may import `ports` and itself. A room that is missing here may import
 * nothing else, so a new folder starts closed and its arrows are drawn on purpose.
 *
 * @type {Record<string, { values?: string[], types?: string[] }>}
 */
export const ARROWS = {
  ports: {},
  main: { values: ['cli', 'plugins', 'host'] },
  cli: { values: ['*'] },
  agent: {
    values: ['lifecycle', 'platform', 'ledger', 'provisioner', 'guest', 'gateway', 'health', 'host', 'telemetry'],
    types: ['config', 'identity'],
  },
  config: { values: ['provisioner', 'host'] },
  gateway: { values: ['host', 'guest'], types: ['config', 'lifecycle', 'platform', 'provisioner'] },
  guest: { values: ['host'], types: ['provisioner'] },
  health: { values: ['host', 'guest'], types: ['config', 'platform', 'provisioner'] },
  host: { types: ['config', 'platform', 'provisioner'] },
  identity: { types: ['config', 'platform'] },
  // The ledger's state is the fold of its entries by lifecycle's `apply`, which is pure.
  ledger: { values: ['lifecycle'], types: ['platform', 'provisioner'] },
  lifecycle: { types: ['*'] },
  platform: { values: ['identity', 'host'], types: ['config'] },
  provisioner: {},
  telemetry: { values: ['host'], types: ['config', 'ledger', 'lifecycle', 'platform', 'provisioner'] },
  plugin: { values: ['provisioner'] },
  plugins: { values: ['plugin', 'provisioner'] },
  simulators: { values: ['config', 'guest', 'host', 'identity', 'platform', 'plugin', 'provisioner', 'telemetry'] },
};

/** Rooms that `*` does not open: each has its own condition below. */
const GUARDED = new Set(['simulators', 'plugin', 'plugins', 'main']);

/**
 * Says why `from` may not import `to`, or returns undefined when it may. Both are paths from the project's root.
 *
 * @param {{ from: string, to: string, how: 'static' | 'dynamic' | 'type' }} arrow
 * @returns {string | undefined}
 */
export function forbidden({ from, to, how }) {
  if (isTest(from)) return undefined;
  if (isTest(to)) return 'shipped code does not import tests';
  const [source, target] = [roomOf(from), roomOf(to)];
  if (source === undefined)
    return /^(src|provisioners)\//.test(from) ? `${from} is in no room of the source tree` : undefined;
  if (target === undefined) return `${to} is in no room of the source tree`;
  if (target === source) {
    const [own, other] = [pluginOf(from), pluginOf(to)];
    return own === other ? undefined : `the plugin ${own} does not import the plugin ${other}`;
  }
  if (target === 'ports') return undefined;
  if (target === 'plugins' && source !== 'main' && source !== 'cli') {
    return 'only the composition root (src/cli, src/main.ts) reads the map of plugins';
  }
  if (target === 'simulators' && how === 'static') return 'simulators are loaded lazily: await import(...)';
  if (target === 'simulators' && source !== 'cli') return 'only src/cli/** and tests import simulators';
  if (target === 'plugins' || target === 'simulators') return undefined;
  // A plugin's setup has a door of its own for the commands that lead people through it.
  if (source === 'cli' && /^provisioners\/[a-z]+\/setup\/index\.ts$/.test(to)) return undefined;
  const arrows = ARROWS[source] ?? {};
  if (allows(arrows.values, target)) return undefined;
  if (!allows(arrows.types, target)) return `${source} does not import ${target}`;
  return how === 'type' ? undefined : `${source} imports only types from ${target}`;
}

/** @param {string[] | undefined} list @param {string} room */
function allows(list, room) {
  return list?.includes(room) === true || (list?.includes('*') === true && !GUARDED.has(room));
}

/** Fixtures count as tests wherever they lie. @param {string} path */
function isTest(path) {
  return path.startsWith('test/') || /(\.test|(^|\/)fixtures)\.ts$/.test(path);
}

/** @param {string} path */
function roomOf(path) {
  const parts = path.split('/');
  if (path === 'src/main.ts') return 'main';
  if (path === 'provisioners/index.ts') return 'plugins';
  if (parts[0] === 'provisioners' && parts.length > 2) return 'plugin';
  if (parts[0] === 'simulators') return 'simulators';
  if (parts[0] === 'src' && parts.length > 2) return parts[1];
  return undefined;
}

/** @param {string} path */
function pluginOf(path) {
  return path.startsWith('provisioners/') ? path.split('/')[1] : undefined;
}
