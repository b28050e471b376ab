import type { Asker } from './ask.ts';

/** Somebody at the terminal who answers the questions in this order, and remembers them. An empty answer takes what is offered. */
export function person(...answers: readonly string[]): Asker & { readonly asked: string[] } {
  const asked: string[] = [];
  const next = async (question: string): Promise<string> => {
    const answer = answers[asked.push(question) - 1];
    if (answer === undefined) throw new Error(`nobody answers: ${question}`);
    return answer;
  };
  return {
    asked,
    text: async (question, fallback = '') => (await next(question)) || fallback,
    secret: next,
    confirm: async (question, fallback) => ((await next(question)) || fallback) === 'yes',
  };
}
