import { expect, test } from 'vitest';
import { Crowd, type Guest } from './netd-crowd.ts';

/** Guests that note who had to go, and go at once. */
function crowd(places: number, bytes: number) {
  const gone: string[] = [];
  const all = new Crowd({ places, bytes });
  const guest = (name: string): Guest => {
    const made: Guest = {
      leave() {
        gone.push(name);
        all.left(made);
      },
    };
    all.enter(made);
    return made;
  };
  return { all, guest, gone };
}

test('where all places are taken, who has asked for nothing for longest goes for a newcomer', () => {
  const { all, guest, gone } = crowd(3, 10);
  const [first] = [guest('first'), guest('second'), guest('third')];
  // It has just had an answer, so the second has been quiet for longer.
  all.waits(first);
  all.works(first);
  all.answered(first);
  guest('fourth');
  guest('fifth');
  expect(gone).toEqual(['second', 'third']);
});

test('where everybody waits, who has had most goes; what is being done never does', () => {
  const { all, guest, gone } = crowd(3, 10);
  const [working, greedy, modest] = [guest('working'), guest('greedy'), guest('modest')];
  for (const [one, times] of [
    [working, 9],
    [greedy, 5],
    [modest, 1],
  ] as const) {
    for (let i = 0; i < times; i++) all.answered(one);
    all.waits(one);
  }
  all.works(working);
  all.waits(guest('newcomer'));
  expect(gone).toEqual(['greedy']);
  all.waits(guest('next'));
  expect(gone).toEqual(['greedy', 'modest']);
});

test('where nobody can be let go, the newcomer is turned away', () => {
  const { all, guest, gone } = crowd(2, 10);
  for (const name of ['one', 'other']) all.waits(guest(name));
  guest('newcomer');
  expect(gone).toEqual(['newcomer']);
});

test('where there is no room for what is sent, who holds most of it goes, and its room is there again', () => {
  const { all, guest, gone } = crowd(9, 100);
  const [large, small] = [guest('large'), guest('small')];
  expect(all.hold(large, 70)).toBe(true);
  expect(all.hold(small, 30)).toBe(true);
  expect(all.hold(small, 20)).toBe(true);
  expect(gone).toEqual(['large']);
  expect(all.hold(small, 51)).toBe(false);
  expect(gone).toEqual(['large', 'small']);
  const next = guest('next');
  expect(all.hold(next, 100)).toBe(true);
  all.hold(next, -100);
  expect(all.hold(guest('last'), 100)).toBe(true);
});
