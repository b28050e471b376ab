import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const configCheckCommand: Command = {
  name: 'config check',
  summary: 'check the configuration file',
  description:
    'Reads the file as `run` does, and the files and credentials that it names for secrets; shows every problem with its ' +
    'line, and the warnings. A provisioner that is not part of this version is a warning here, while `run` refuses it.',
  options: [{ flags: '--json', description: 'print problems and warnings as JSON' }],
  examples: [
    { line: 'dc-agent --config ./dc-agent.toml config check', explains: 'Before the file goes to its place.' },
  ],
  exits: [EXIT.config],
  load: async () => (await import('../handlers/config.ts')).check,
};

export const configExplainCommand: Command = {
  name: 'config explain',
  summary: 'show every value in effect and where it comes from',
  description:
    'Shows each setting with its value and its origin: a line of the file, or the default. Secrets are dots.',
  options: [{ flags: '--json', description: 'print it as JSON' }],
  examples: [{ line: 'dc-agent config explain', explains: 'What the agent would run with.' }],
  exits: [EXIT.config],
  load: async () => (await import('../handlers/config.ts')).explain,
};

export const configSchemaCommand: Command = {
  name: 'config schema',
  summary: 'print the JSON Schema of the configuration, for editors',
  description:
    'Prints a JSON Schema (draft 7) of the whole file, with the settings of every provisioner. Editors that know TOML take it ' +
    'from a first line such as `#:schema ./dc-agent.schema.json`.',
  examples: [
    {
      line: 'dc-agent config schema > dc-agent.schema.json',
      explains: 'Then write #:schema ./dc-agent.schema.json as the first line of the configuration beside it.',
    },
  ],
  exits: [],
  load: async () => (await import('../handlers/config.ts')).schema,
};
