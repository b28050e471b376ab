import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

const CONTRACT = { name: 'contract', description: 'contract id, or the beginning of one', takes: 'one' } as const;

export const uptimeCommand: Command = {
  name: 'uptime',
  summary: 'show how much of the time machines were up',
  description:
    'Reads the uptime log, which holds 30 days, and shows the last 24 hours, 7 days and 30 days. Only time between two good looks ' +
    'counts as up; time in which nobody looked is shown as such and counts for nothing. With a contract, also a chart and its ' +
    'outages. Works whether the agent runs or not.',
  operands: [{ ...CONTRACT, takes: 'optional' }],
  options: [{ flags: '--json', description: 'print the figures as JSON; times are ms since the epoch' }],
  examples: [
    { line: 'dc-agent uptime', explains: 'All contracts.' },
    { line: 'dc-agent uptime 3fa9', explains: 'One of them, with its outages.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/uptime.ts')).uptime,
};

export const uptimeExportCommand: Command = {
  name: 'uptime export',
  summary: 'write a contract’s uptime log as one signed file',
  description:
    'Writes the log with a signature of the agent key at its end, for whoever wants to check it: see docs/uptime.md for what it ' +
    'proves. The log itself is not changed.',
  operands: [CONTRACT],
  options: [{ flags: '--out <file>', description: 'where to; standard output when absent' }],
  examples: [{ line: 'dc-agent uptime export 3fa9 --out 3fa9.uptime', explains: 'A file for the tenant.' }],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/uptime-files.ts')).exportUptime,
};

export const uptimeVerifyCommand: Command = {
  name: 'uptime verify',
  summary: 'check an exported uptime log, offline',
  description:
    'Finds changed, moved, added, missing and cut-off entries and a wrong signer, says which line it is, and shows what the file ' +
    'says of the uptime. Needs neither the agent nor its configuration. A file that is right and has times in which nobody looked ' +
    'ends with 4.',
  operands: [{ name: 'file', description: 'the exported file', takes: 'one' }],
  options: [
    {
      flags: '--agent-key <hex>',
      description: 'the agent’s public key, from where you trust it: the platform, or the provider',
    },
    {
      flags: '--against <file>',
      description:
        'another export of the same contract: a past that was signed anew, or an end that was cut off, shows',
    },
    { flags: '--json', description: 'print the verdict as JSON' },
  ],
  examples: [
    {
      line: 'dc-agent uptime verify 3fa9.uptime --agent-key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      explains: 'Is it what this agent signed?',
    },
    { line: 'dc-agent uptime verify new.uptime --against old.uptime', explains: 'Does it still tell the same past?' },
  ],
  exits: [EXIT.failed, EXIT.incomplete],
  load: async () => (await import('../handlers/uptime-files.ts')).verifyUptime,
};

export const uptimeUsageCommand: Command = {
  name: 'uptime usage',
  summary: 'write a contract’s use as usage events',
  description:
    'Writes one JSON line for each usage event of the platform: a session for each time in which the machine was seen up without a ' +
    'break, with heartbeats. The agent never sends them: the platform takes them only with the provider key, which the agent does ' +
    'not have. Sending one twice counts it twice, so give --since the time of the last one.',
  operands: [CONTRACT],
  options: [
    { flags: '--since <time>', description: 'only what began at or after this time, e.g. 2026-03-01T00:00:00Z' },
    { flags: '--until <time>', description: 'only what had ended by this time' },
  ],
  examples: [{ line: 'dc-agent uptime usage 3fa9 --since 2026-03-01', explains: 'For the provider’s own tool.' }],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/uptime-files.ts')).usage,
};
