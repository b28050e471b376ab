import type { Command } from '../command.ts';
import { EXIT } from '../exit.ts';

export const conformanceCommand: Command = {
  name: 'conformance',
  summary: 'prove on the real backend that a target’s plugin keeps the plugin contract',
  description:
    'Runs the suite that every plugin is tested with against one configured target: makes real machines, stops and starts them, ' +
    'repeats and cancels calls, and looks whether exactly what was asked for has happened. Rules that need a backend which can be ' +
    'broken on purpose are skipped. It says what it will make and asks first. The platform takes no part, and the machines carry ' +
    'an owner stamp of their own, so that a running agent leaves them alone. Every machine is noted in the state directory before ' +
    'it is made and removed after its rule, also after a failure or Ctrl-C; what a killed run leaves, test-provision --cleanup ' +
    'removes. On a cloud account it costs money.',
  operands: [{ name: 'target', description: 'the name of a configured target', takes: 'one' }],
  options: [
    { flags: '--budget <machines>', description: 'make at most so many machines in all', default: '60' },
    { flags: '--parallel <machines>', description: 'how many at the same time, at most', default: '4' },
    { flags: '--timeout <seconds>', description: 'how long one rule may take', default: '900' },
    { flags: '--yes', description: 'do not ask' },
    { flags: '--json', description: 'print the verdicts as one JSON document' },
  ],
  examples: [
    { line: 'dc-agent conformance lab', explains: 'Say what would be made on the target lab, ask, and do it.' },
    {
      line: 'dc-agent conformance lab --yes --json | jq \'.rules[] | select(.verdict == "broken")\'',
      explains: 'For a script: only what is broken.',
    },
  ],
  exits: [EXIT.failed, EXIT.config],
  load: async () => (await import('../handlers/conformance.ts')).conformance,
};
