/** The door to configuration. For types alone import `./types.ts`: it costs nothing at run time. */
export { type ConfigReport, configCheck } from './command.ts';
export { configExplain } from './explain.ts';
export { configSchema } from './json-schema.ts';
export { type LoadOptions, loadConfig, loadGateway, parseConfig } from './load.ts';
export * from './types.ts';
