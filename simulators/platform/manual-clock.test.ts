import { describe, expect, test } from 'vitest';
import { manualClock, shiftedClock } from './manual-clock.ts';

describe('a clock that stands still', () => {
  test('fires what falls due, in order, each at its own time', () => {
    const clock = manualClock(1000);
    const heard: [string, number][] = [];
    clock.after(20, () => heard.push(['second', clock.now()]));
    clock.after(10, () => {
      heard.push(['first', clock.now()]);
      clock.after(5, () => heard.push(['nested', clock.now()]));
    });
    const cancel = clock.after(12, () => heard.push(['cancelled', clock.now()]));
    cancel();
    clock.advance(19);
    expect(heard).toEqual([
      ['first', 1010],
      ['nested', 1015],
    ]);
    clock.advance(1);
    expect(heard.at(-1)).toEqual(['second', 1020]);
    expect([clock.now(), clock.monotonic()]).toEqual([1020, 20]);
  });
});

describe('a clock ahead of another', () => {
  test('runs along with it, and jumps when told', () => {
    const base = manualClock(1000);
    const clock = shiftedClock(base);
    base.advance(5);
    clock.advance(100);
    base.advance(5);
    expect([clock.now(), clock.monotonic(), base.now()]).toEqual([1110, 110, 1010]);
  });

  test('fires timers that the jump passes, and the others that much earlier', () => {
    const base = manualClock(0);
    const clock = shiftedClock(base);
    const heard: [string, number][] = [];
    clock.after(50, () => heard.push(['passed', clock.now()]));
    clock.after(150, () => heard.push(['later', clock.now()]));
    clock.after(160, () => heard.push(['cancelled', clock.now()]))();
    clock.advance(100);
    expect(heard).toEqual([['passed', 50]]);
    base.advance(49);
    expect(heard).toHaveLength(1);
    base.advance(1);
    expect(heard.at(-1)).toEqual(['later', 150]);
    base.advance(1000);
    expect(heard).toHaveLength(2);
  });
});
