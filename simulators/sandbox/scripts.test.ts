import { describe, expect, it } from 'vitest';
import { beginScript, cutOff, scriptState } from './scripts.ts';

const ORDER = { id: 'one', content: '#!/bin/sh\n# sandbox: seconds=5\n', limitSeconds: 60 };

describe('a script whose machine goes off', () => {
  it('has ended there, and does not turn out to have succeeded once its time would have been over', () => {
    const cut = cutOff(beginScript(ORDER, 1_000), 3_000);
    expect(cut.endsAt).toBe(3_000);
    expect(scriptState(cut, undefined, 4_000)).toEqual({ state: 'cut-off' });
    expect(scriptState(cut, 5_000, 60_000)).toEqual({ state: 'cut-off' });
  });

  it('keeps its end when it had ended before', () => {
    const run = beginScript(ORDER, 1_000);
    expect(cutOff(run, 6_000)).toBe(run);
    expect(scriptState(run, 1_000, 6_000)).toMatchObject({ state: 'ended', exit: 0, seconds: 5 });
  });
});
