/** Replaced by the bundler with the version in package.json; absent when the sources run unbundled. */
declare const __DC_VERSION__: string;

/** The agent's own version, semver without a leading `v`. */
export const VERSION: string = typeof __DC_VERSION__ === 'string' ? __DC_VERSION__ : '0.1.0-dev';
