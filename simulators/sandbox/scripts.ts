/**
 * Make-believe scripts in make-believe machines. What one does is said in its own text: a line `# sandbox: ...` with words such as
 * `seconds=5 exit=3 output=2000 reboots kills-sshd fills-disk`. Nothing of it is executed anywhere.
 */
export interface ScriptOrder {
  /** Names one run: the same again finds it. */
  readonly id: string;
  readonly content: string;
  readonly limitSeconds: number;
}

/** One run in a machine. Times are on the monotonic clock. */
export interface ScriptRun {
  readonly id: string;
  readonly beganAt: number;
  readonly endsAt: number;
  /** Absent when its time ends it. */
  readonly exit?: number;
  readonly output: string;
  /** Its machine went off in the middle of it, at `endsAt`. */
  readonly cutOff?: true;
  /** What it does to its machine when it ends. */
  readonly aftermath?: 'reboots' | 'kills-sshd' | 'fills-disk';
}

export type ScriptState =
  | { readonly state: 'running' }
  | {
      readonly state: 'ended';
      readonly exit: number | null;
      readonly timed_out: boolean;
      readonly seconds: number;
      readonly output: string;
    }
  /** Its machine was off meanwhile, or the end could not be written: nobody will know. */
  | { readonly state: 'cut-off' };

const DIRECTIVE = /^# sandbox: ([^\n]*)$/m;
/** A script that only ends is understood without it. */
const PLAIN_END = /^exit (\d{1,3})$/m;
/** A real one keeps the end of what a script prints, too. */
const MAX_OUTPUT = 16 * 1024;

export function beginScript({ id, content, limitSeconds }: ScriptOrder, now: number): ScriptRun {
  const words = DIRECTIVE.exec(content)?.[1]?.split(' ') ?? [];
  const number = (name: string, fallback: number): number => {
    const value = Number(words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1));
    return Number.isFinite(value) ? value : fallback;
  };
  const seconds = number('seconds', 1);
  const inTime = seconds < limitSeconds;
  const aftermath = (['reboots', 'kills-sshd', 'fills-disk'] as const).find((word) => words.includes(word));
  return {
    id,
    beganAt: now,
    endsAt: now + Math.min(seconds, limitSeconds) * 1000,
    ...(inTime ? { exit: number('exit', Number(PLAIN_END.exec(content)?.[1] ?? 0)) } : {}),
    output: 'x'.repeat(Math.min(number('output', 0), MAX_OUTPUT)),
    ...(aftermath === undefined ? {} : { aftermath }),
  };
}

/** What is left of a run when its machine goes off: it does not go on later, whatever time it would have taken. */
export function cutOff(run: ScriptRun, now: number): ScriptRun {
  return now < run.endsAt ? { ...run, endsAt: now, cutOff: true } : run;
}

/** How far a run is; `startedAt` is since when its machine runs, if it does. */
export function scriptState(run: ScriptRun, startedAt: number | undefined, now: number): ScriptState {
  if (run.cutOff === true) return { state: 'cut-off' };
  const alive = startedAt !== undefined && startedAt <= run.beganAt;
  if (now < run.endsAt) return alive ? { state: 'running' } : { state: 'cut-off' };
  // A reboot ends it before it could say how it ended; on a full disk that cannot be written.
  if (run.aftermath === 'reboots' || run.aftermath === 'fills-disk') return { state: 'cut-off' };
  return {
    state: 'ended',
    exit: run.exit ?? null,
    timed_out: run.exit === undefined,
    seconds: Math.round((run.endsAt - run.beganAt) / 1000),
    output: run.output,
  };
}
