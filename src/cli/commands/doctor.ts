import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'check everything the agent needs, changing nothing',
  description:
    'Checks configuration, key, state directory, clock, platform and every target, and says for each problem what to do. It ' +
    'changes nothing, here or elsewhere, unless one of the two opt-in options asks for it.',
  options: [
    { flags: '--json', description: 'print the findings as one JSON document' },
    { flags: '--timeout <seconds>', description: 'how long each check may take', default: '15' },
    {
      flags: '--send-heartbeat',
      description: 'also send one real heartbeat, with the number of contracts that the ledger holds',
    },
    {
      flags: '--test-provision',
      description: 'also make and remove one real machine on every target; it may cost money',
    },
  ],
  examples: [
    { line: 'dc-agent doctor', explains: 'Look at everything.' },
    {
      line: 'dc-agent doctor --json | jq \'.sections[].findings[] | select(.level == "fail")\'',
      explains: 'Only the failures, for a script.',
    },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/doctor.ts')).doctor,
};
