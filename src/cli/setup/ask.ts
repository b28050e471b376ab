import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { Failure } from '../failure.ts';

/** Questions to the person at the terminal. Every question has an option that answers it beforehand. */
export interface Asker {
  /** An empty answer is the fallback; without one it is asked again. */
  text(question: string, fallback?: string): Promise<string>;
  /** Not shown while it is typed. */
  secret(question: string): Promise<string>;
  confirm(question: string, fallback: 'yes' | 'no'): Promise<boolean>;
}

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Rejects when the input ends or the signal says so. Questions go where progress goes, so that results stay clean. */
export function terminalAsker({ input, output }: Terminal, signal: AbortSignal): Asker {
  const ask = async (question: string, echo: 'shown' | 'hidden'): Promise<string> => {
    let muted = false;
    const screen = new Writable({
      write(chunk, _encoding, done) {
        if (!muted) output.write(chunk);
        done();
      },
    });
    const lines = createInterface({ input, output: screen, terminal: true, historySize: 0 });
    const ended = new Promise<never>((_resolve, reject) => {
      lines.once('close', () => reject(new Failure({ what: 'there was no answer: nothing was changed' })));
      // Ctrl-C is eaten by the interface while it reads keys one by one.
      lines.once('SIGINT', () => lines.close());
    });
    try {
      const answer = lines.question(question, { signal });
      muted = echo === 'hidden';
      return (await Promise.race([answer, ended])).trim();
    } finally {
      lines.close();
      ended.catch(() => {});
      if (echo === 'hidden') output.write('\n');
    }
  };
  const text = async (question: string, fallback?: string): Promise<string> => {
    for (;;) {
      const shown = fallback === undefined ? `${question}: ` : `${question} [${fallback}]: `;
      const answer = (await ask(shown, 'shown')) || fallback;
      if (answer !== undefined) return answer;
    }
  };
  return {
    text,
    async secret(question) {
      for (;;) {
        const answer = await ask(`${question}: `, 'hidden');
        if (answer !== '') return answer;
      }
    },
    async confirm(question, fallback) {
      for (;;) {
        const answer = (await ask(`${question} [${fallback === 'yes' ? 'Y/n' : 'y/N'}] `, 'shown')).toLowerCase();
        if (answer === '') return fallback === 'yes';
        if (['y', 'yes', 'n', 'no'].includes(answer)) return answer.startsWith('y');
      }
    },
  };
}
