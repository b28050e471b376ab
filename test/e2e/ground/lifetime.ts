import type { Host } from './host.ts';

/** A host whose agent is started again each time that it was killed, as a service manager does it. */
export interface Lifetime {
  /** How often it was killed so far. */
  readonly kills: () => number;
  /** Ends the agent in order; throws when it ends in any other way. */
  end(): Promise<void>;
}

/** `env` is for the first agent only. */
export function keepAlive(host: Host, env: Readonly<Record<string, string>> = {}): Lifetime {
  let kills = 0;
  let ending = false;
  let problem: string | undefined;
  const watch = async (first: Readonly<Record<string, string>>): Promise<void> => {
    for (let extra = first; ; extra = {}) {
      const agent = host.run(extra);
      const { code, signal } = await agent.ended;
      // Until the program is loaded a signal ends it as it ends any other.
      const tooEarly = signal === 'SIGTERM' && agent.out() === '';
      if (signal === 'SIGKILL') kills++;
      else if (!ending || (code !== 0 && !tooEarly))
        problem = `the agent ended with ${code ?? signal}:\n${host.lately}`;
      if (ending || problem !== undefined) return;
    }
  };
  const over = watch(env);
  return {
    kills: () => kills,
    async end() {
      ending = true;
      await host.stop();
      await over;
      if (problem !== undefined) throw new Error(problem);
    },
  };
}
