import { expect, test } from 'vitest';
import { createGate } from './gate.ts';

const never = new AbortController().signal;
const lane = { name: 'one', width: 2 };

/** Lets everything that is ready run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('lets as many in as the lane is wide, the others in the order of asking', async () => {
  const gate = createGate();
  const inside: string[] = [];
  const enter = async (who: string): Promise<() => void> => {
    const leave = await gate.enter(lane, never);
    inside.push(who);
    return leave;
  };
  const [a, b, c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
  await settled();
  expect(inside).toEqual(['a', 'b']);
  (await b)();
  await settled();
  expect(inside).toEqual(['a', 'b', 'c']);
  (await a)();
  (await c)();
  (await d)();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
});

test('knows lanes apart', async () => {
  const gate = createGate();
  await gate.enter({ name: 'x', width: 1 }, never);
  await expect(gate.enter({ name: 'y', width: 1 }, never)).resolves.toBeTypeOf('function');
});

test('makes room once, however often one leaves', async () => {
  const gate = createGate();
  const narrow = { name: 'n', width: 1 };
  const leave = await gate.enter(narrow, never);
  const second = gate.enter(narrow, never);
  let third = false;
  leave();
  leave();
  await second;
  void gate.enter(narrow, never).then(() => {
    third = true;
  });
  leave();
  await settled();
  expect(third).toBe(false);
});

test('one who gives up waiting takes no room', async () => {
  const gate = createGate();
  const narrow = { name: 'n', width: 1 };
  const leave = await gate.enter(narrow, never);
  const cancel = new AbortController();
  const given = gate.enter(narrow, cancel.signal);
  const next = gate.enter(narrow, never);
  cancel.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  leave();
  await expect(next).resolves.toBeTypeOf('function');
  await expect(gate.enter(narrow, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});
