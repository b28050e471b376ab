import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const trafficCommand: Command = {
  name: 'traffic',
  summary: 'show what each machine moves over the network',
  description:
    'Bytes to and from each machine since its contract began, in the calendar month, and in the last 24 hours, as the platform ' +
    'is told. They outlast reboots and restarts; what a counter held between the last look and its loss is missing. Counted at the ' +
    'ports of this host, or where the backend has better, at the machine’s network card. With a monthly allowance, how much of it is ' +
    'used up. Works whether the agent runs or not.',
  operands: [{ name: 'contract', description: 'contract id, or the beginning of one', takes: 'optional' }],
  options: [{ flags: '--json', description: 'print everything that is known as JSON' }],
  examples: [
    { line: 'dc-agent traffic', explains: 'All machines, the busiest of the month first.' },
    { line: 'dc-agent traffic 3fa9', explains: 'One machine, by the hour.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/traffic.ts')).traffic,
};
