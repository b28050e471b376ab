/** Exit codes of every command. The table in docs/cli.md is made from these. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  incomplete: 4,
  config: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  0: 'Done, or everything is fine.',
  1: 'It failed, or a check failed; the message says what to do next.',
  2: 'The command line itself is wrong: nothing was done.',
  3: 'The agent is not running, and the command needs it.',
  4: 'What is there is right, but there are gaps in it.',
  // systemd's EX_CONFIG: the unit file tells systemd not to restart after it, since only an operator can help.
  78: 'The configuration is missing or wrong: nothing was done.',
};
