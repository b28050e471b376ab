import { expect, test } from 'vitest';
import { LightController } from './light-abort.ts';

/** What somebody sees who uses a controller and its signal in the ways that the daemon does. */
function story(controller: AbortController | LightController): unknown[] {
  const seen: unknown[] = [];
  // The two have the same members under types of their own.
  const signal = controller.signal as AbortSignal;
  const twice = (): void => void seen.push('once, though added twice');
  const gone = (): void => void seen.push('removed before');
  const last = (): void => void seen.push('removed by a listener before it');
  seen.push(signal.aborted, signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', twice, { once: true });
  signal.addEventListener('abort', twice, { once: true });
  signal.addEventListener('abort', gone, { once: true });
  signal.addEventListener('abort', () => signal.removeEventListener('abort', last), { once: true });
  signal.addEventListener('abort', last, { once: true });
  signal.addEventListener('abort', ({ type }) => seen.push(type, signal.aborted, signal.reason), { once: true });
  signal.removeEventListener('abort', gone);
  controller.abort('the first reason');
  controller.abort('the second reason');
  signal.addEventListener('abort', () => seen.push('too late'), { once: true });
  seen.push(signal.aborted, signal.reason);
  try {
    signal.throwIfAborted();
  } catch (error) {
    seen.push(error);
  }
  return seen;
}

test('the lighter controller does what Node’s does', () => {
  const seen = story(new LightController());
  expect(seen).toEqual(story(new AbortController()));
  expect(seen).toContain('once, though added twice');
});

test('without a reason there is the same one', () => {
  const [light, real] = [new LightController(), new AbortController()];
  light.abort();
  real.abort();
  expect(light.signal.reason).toEqual(real.signal.reason);
});

test('a signal that more and more wait for is a leak', () => {
  const { signal } = new LightController();
  expect(() => {
    for (let one = 0; one < 3_000; one++) signal.addEventListener('abort', () => {});
  }).toThrow(/wait for one AbortSignal/);
});
