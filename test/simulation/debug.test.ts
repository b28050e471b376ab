import { it } from 'vitest';
import { tell } from './story.ts';
import { play } from './tell.ts';
it('debug', async () => {
  const t0 = performance.now();
  let bad = 0;
  const n = Number(process.env['N'] ?? 50);
  const from = Number(process.env['FROM'] ?? 1);
  const kinds = new Map<string, number[]>();
  for (let seed = from; seed < from + n; seed++) {
    const out = await play(tell(seed));
    if (out.violations.length > 0) { bad++; for (const v of out.violations.slice(0, 1)) { const k = v.rule + ': ' + v.text.replace(/[0-9a-f]{8}/g, 'X').replace(/\d+/g, 'N').slice(0, 150); kinds.set(k, [...(kinds.get(k) ?? []), seed]); } }
  }
  for (const [k, s] of kinds) console.log(s.length, k, s.slice(0, 8).join(','));
  console.log(`${n} stories, ${bad} bad, ${((performance.now() - t0) / n).toFixed(0)} ms each`);
}, 600_000);
