import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { terminalAsker } from './ask.ts';

function terminal() {
  const input = new PassThrough();
  const output = new PassThrough();
  const controller = new AbortController();
  let screen = '';
  let answered = 0;
  output.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
  });
  return {
    ask: terminalAsker({ input, output }, controller.signal),
    /** Once the question is on the screen, and not before. */
    async types(question: string, answer: string): Promise<void> {
      while (!screen.slice(answered).includes(question)) await new Promise((resolve) => output.once('data', resolve));
      answered = screen.length;
      input.write(`${answer}\n`);
    },
    screen: () => screen,
    input,
    controller,
  };
}

test('an empty answer is the fallback; without one the question comes again', async () => {
  const { ask, types, screen } = terminal();
  const node = ask.text('Node', 'pve');
  await types('Node', '');
  expect(await node).toBe('pve');
  expect(screen()).toContain('Node [pve]: ');
  const address = ask.text('Address');
  await types('Address', '');
  await types('Address', ' 192.0.2.1 ');
  expect(await address).toBe('192.0.2.1');
});

test('a secret is not shown while it is typed', async () => {
  const { ask, types, screen } = terminal();
  const password = ask.secret('Password');
  await types('Password', 'correct horse');
  expect(await password).toBe('correct horse');
  expect(screen()).toContain('Password: ');
  expect(screen()).not.toContain('horse');
});

test('yes and no are understood, and nothing else', async () => {
  const { ask, types } = terminal();
  const sure = ask.confirm('Sure?', 'yes');
  await types('Sure?', 'perhaps');
  await types('Sure?', 'NO');
  expect(await sure).toBe(false);
  const again = ask.confirm('Sure?', 'yes');
  await types('Sure?', '');
  expect(await again).toBe(true);
});

test('no answer is a failure: the end of the input, and a signal', async () => {
  const first = terminal();
  const gone = first.ask.text('Node');
  first.input.end();
  await expect(gone).rejects.toThrow('there was no answer');
  const second = terminal();
  const stopped = second.ask.text('Node');
  second.controller.abort(new Error('interrupted'));
  await expect(stopped).rejects.toThrow();
});
