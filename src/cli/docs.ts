import type { Command } from './command.ts';
import { allCommands, DEFAULT_CONFIG } from './commands/index.ts';
import { EXIT, EXIT_MEANING } from './exit.ts';

/** docs/cli.md, from the same data as the help. A test compares the file; UPDATE_DOCS=1 rewrites it. */
export function renderDocs(all: readonly Command[] = allCommands): string {
  const commands = all.filter(({ hidden }) => hidden !== true);
  return [
    '# Command line',
    '',
    '<!-- Generated from src/cli/commands. To rewrite it: UPDATE_DOCS=1 ./node_modules/.bin/vitest run src/cli/docs.test.ts -->',
    '',
    '| command | what it does |',
    '|---|---|',
    ...commands.map(
      ({ name, summary }) => `| [\`dc-agent ${name}\`](#dc-agent-${name.replaceAll(' ', '-')}) | ${cell(summary)} |`,
    ),
    '',
    'Every command takes:',
    '',
    '| option | meaning |',
    '|---|---|',
    `| \`--config <path>\` | configuration file; \`${DEFAULT_CONFIG}\` when absent |`,
    '| `--no-color` | no colours; `NO_COLOR=1` in the environment does the same. Without a terminal there are none, unless `FORCE_COLOR=1` asks for them |',
    '| `-h`, `--help` | help, with examples |',
    '| `-V`, `--version` | the version (only as `dc-agent --version`) |',
    '',
    'Results go to standard output, everything else to standard error. `--json` prints one JSON document to standard output.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.values(EXIT).map((code) => `| ${code} | ${EXIT_MEANING[code]} |`),
    '',
    '## The agent’s local socket',
    '',
    '`<state_dir>/agent.sock` (mode 0660) speaks HTTP; `status`, `approve`, `drain` and `resume` use it, and so may monitoring:',
    '`curl --unix-socket /var/lib/dc-agent/agent.sock http://dc-agent/readyz`.',
    '',
    '| call | answer |',
    '|---|---|',
    '| `GET /v1/status` | the status document, as `dc-agent status --json` |',
    '| `GET /livez` | 200 while the process answers |',
    '| `GET /readyz` | 200 when new work can be taken, else 503 with the reasons |',
    '| `GET /v1/events` | server-sent events; `Last-Event-ID` resumes, `event: reset` says that some were missed |',
    '| `POST /v1/approve` | `{"contracts": ["…"]}`: releases what the breaker holds back; without a body, all |',
    '| `POST /v1/drain`, `POST /v1/resume` | take nothing new; take new contracts again |',
    '',
    ...commands.flatMap(section),
  ].join('\n');
}

function section(command: Command): string[] {
  const operands = (command.operands ?? []).map(
    ({ name, takes }) => ({ one: `<${name}>`, optional: `[${name}]`, many: `[${name}...]` })[takes],
  );
  const rows = [
    ...(command.operands ?? []).map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`),
    ...(command.options ?? []).map((option) => {
      const notes = [
        option.default === undefined ? '' : ` (default: \`${option.default}\`)`,
        option.repeated ? ' (may be repeated)' : '',
      ];
      return `| \`${option.flags}\` | ${cell(option.description)}${notes.join('')} |`;
    }),
  ];
  const exits = [EXIT.ok, ...command.exits, EXIT.usage].sort((a, b) => a - b).join(', ');
  return [
    `## dc-agent ${command.name}`,
    '',
    `\`${['dc-agent', command.name, ...operands, ...(command.options ? ['[options]'] : [])].join(' ')}\``,
    '',
    command.description,
    '',
    ...(rows.length === 0 ? [] : ['| argument | meaning |', '|---|---|', ...rows, '']),
    '```sh',
    ...command.examples.flatMap(({ line, explains }) => [`# ${explains}`, line]),
    '```',
    '',
    `Exit codes: ${exits}.`,
    '',
  ];
}

/** A bar would end the table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
