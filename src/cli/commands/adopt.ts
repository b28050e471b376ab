import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const adoptCommand: Command = {
  name: 'adopt',
  summary: 'take over machines that the reference agent made',
  description:
    'Without --yes it only shows which machines could be taken over, and why they are known to belong to their contracts. With --yes ' +
    'each gets this agent’s stamp and a place in its ledger; nothing else of the machine changes, running or not. The agent must not ' +
    'be running meanwhile, and the reference agent must never run again on this host. May be repeated.',
  operands: [{ name: 'contract', description: 'contract ids, or the beginnings of them; default: all', takes: 'many' }],
  options: [
    { flags: '--target <name>', description: 'only machines of this target' },
    { flags: '--yes', description: 'do it' },
    { flags: '--json', description: 'the machines as JSON' },
  ],
  examples: [
    { line: 'dc-agent adopt', explains: 'What could be taken over; changes nothing.' },
    { line: 'dc-agent adopt --yes', explains: 'All of it.' },
    { line: 'dc-agent adopt 3fa9 --yes', explains: 'One machine.' },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/adopt.ts')).adopt,
};
