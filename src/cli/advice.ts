import { allCommands, DEFAULT_CONFIG } from './commands/index.ts';

const WORDS = [...new Set(allCommands.map((command) => command.name.split(' ')[0]))].join('|');
const COMMAND = new RegExp(`\\bdc-agent (?=(?:${WORDS})\\b)`, 'g');

/** Commands that a text advises, such that they work as they stand: with the configuration that is in use, where it is not the default. */
export function advise(text: string, config: string): string {
  if (config === DEFAULT_CONFIG) return text;
  return text.replace(COMMAND, () => `dc-agent --config ${quoted(config)} `);
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./+:@-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
