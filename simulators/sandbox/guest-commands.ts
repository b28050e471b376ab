/** What the make-believe guest knows of itself. */
export interface GuestFacts {
  readonly hostname: string;
  readonly uptimeMs: number;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  /** The line asked to leave the shell. */
  readonly exit?: true;
}

export const MOTD =
  'This is a simulated machine of the dc-agent sandbox.\n' +
  'There is no kernel, no disk and no network behind it; it knows a handful of commands (try: help).\n';

const OS_RELEASE = 'NAME="dc-agent sandbox"\nPRETTY_NAME="dc-agent sandbox (simulated machine)"\nID=dc-sandbox\n';
const HELP = 'hostname whoami id uname uptime echo env cat nproc free df true false exit help';

/**
 * Runs one line of the tiny command set: commands joined by `;` or `&&`, words with simple quotes. Nothing is executed on
 * this host; everything else is answered with "not found" and the reason.
 */
export function runCommand(line: string, facts: GuestFacts): CommandResult {
  let stdout = '';
  let stderr = '';
  let code = 0;
  for (const { joint, words } of splitLine(line)) {
    if (joint === '&&' && code !== 0) continue;
    const [name = '', ...args] = words;
    if (name === '') continue;
    if (name === 'exit' || name === 'logout') {
      return { stdout, stderr, code: Number.parseInt(args[0] ?? String(code), 10) & 255, exit: true };
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    const result = command ? command(args, facts) : notFound(name);
    stdout += result.stdout ?? '';
    stderr += result.stderr ?? '';
    code = result.code ?? 0;
  }
  return { stdout, stderr, code };
}

type Part = { stdout?: string; stderr?: string; code?: number };

const COMMANDS: Readonly<Record<string, (args: readonly string[], facts: GuestFacts) => Part>> = {
  hostname: (_args, facts) => ({ stdout: `${facts.hostname}\n` }),
  whoami: () => ({ stdout: 'root\n' }),
  id: () => ({ stdout: 'uid=0(root) gid=0(root) groups=0(root)\n' }),
  uname: (args, facts) => ({ stdout: uname(args, facts) }),
  uptime: (_args, facts) => ({ stdout: `up ${Math.floor(facts.uptimeMs / 1000)} seconds (simulated machine)\n` }),
  echo: (args) => ({ stdout: `${args.join(' ')}\n` }),
  env: (_args, facts) => ({ stdout: lines(facts.environment) }),
  cat: (args, facts) => cat(args, facts),
  nproc: (_args, facts) => ({ stdout: `${Math.max(1, Math.floor(facts.cpuCores))}\n` }),
  free: (_args, facts) => ({ stdout: `Mem: ${facts.memoryMb} MiB (simulated)\n` }),
  df: (_args, facts) => ({ stdout: `/ ${facts.diskGb} GB (simulated)\n` }),
  true: () => ({}),
  false: () => ({ code: 1 }),
  help: () => ({ stdout: `${MOTD}${HELP}\n` }),
};

function uname(args: readonly string[], facts: GuestFacts): string {
  if (args[0] === '-n') return `${facts.hostname}\n`;
  if (args[0] === '-a') return `Simulated ${facts.hostname} dc-agent-sandbox (no kernel: simulated machine)\n`;
  return 'Simulated\n';
}

function cat(paths: readonly string[], facts: GuestFacts): Part {
  const files: Readonly<Record<string, string>> = {
    '/etc/motd': MOTD,
    '/etc/os-release': OS_RELEASE,
    '/etc/hostname': `${facts.hostname}\n`,
  };
  let stdout = '';
  for (const path of paths) {
    const text = Object.hasOwn(files, path) ? files[path] : undefined;
    if (text === undefined) {
      return { stdout, stderr: `cat: ${path}: No such file (simulated machine)\n`, code: 1 };
    }
    stdout += text;
  }
  return { stdout };
}

function notFound(name: string): Part {
  const shown = name.slice(0, 64);
  return { stderr: `${shown}: not found (this is a simulated machine; it knows: ${HELP})\n`, code: 127 };
}

function lines(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Splits at `;`, `&&` and line ends outside quotes; `joint` is what stood before the command. */
function splitLine(line: string): { joint: ';' | '&&'; words: string[] }[] {
  const commands: { joint: ';' | '&&'; words: string[] }[] = [{ joint: ';', words: [] }];
  for (const [, single, double, operator, plain] of line.matchAll(
    /'([^']*)'|"([^"]*)"|(;|&&|\r?\n)|((?:(?!&&)[^\s;'"])+)/g,
  )) {
    if (operator !== undefined) commands.push({ joint: operator === '&&' ? '&&' : ';', words: [] });
    else commands.at(-1)?.words.push(single ?? double ?? plain ?? '');
  }
  return commands;
}
