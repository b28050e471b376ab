import { expect, test } from 'vitest';
import { cloudInitState } from './cloud-init.ts';

const ENDED = { errors: [], start: 1.5, finished: 2.5 };
const BEFORE = { errors: [], start: null, finished: null };

/** As cloud-init 22.4 of Debian 12 writes it. */
function status(stages: Record<string, unknown>): string {
  const v1 = { datasource: null, init: ENDED, 'init-local': ENDED, 'modules-init': BEFORE, stage: null, ...stages };
  return JSON.stringify({ v1 });
}

test.each<[string, string, object]>([
  ['a stage that runs', status({ 'modules-final': BEFORE, stage: 'modules-config' }), { state: 'running' }],
  ['between two stages', status({ 'modules-config': ENDED, 'modules-final': BEFORE }), { state: 'running' }],
  ['before the last stage is known', status({}), { state: 'running' }],
  ['the end', status({ 'modules-config': ENDED, 'modules-final': ENDED }), { state: 'done' }],
  [
    'the end after a stage that failed',
    status({ 'modules-config': { ...ENDED, errors: ["('locale', KeyError())"] }, 'modules-final': ENDED }),
    { state: 'failed', why: "modules-config: ('locale', KeyError())" },
  ],
  [
    'what a newer one only grumbles about',
    status({ 'modules-final': { ...ENDED, recoverable_errors: { WARNING: ['old key'] } } }),
    { state: 'done' },
  ],
  ['stages of a strange kind', status({ 'modules-final': 7 }), { state: 'running' }],
  ['another document', '{"status":"done"}', { state: 'unknown' }],
  ['half a document', '{"v1":{"init"', { state: 'unknown' }],
  ['nothing', '', { state: 'unknown' }],
])('%s is known', (_, text, state) => {
  expect(cloudInitState(text)).toEqual(state);
});

test('what a machine says of its failure is kept short', () => {
  const errors = Array.from({ length: 500 }, () => 'x'.repeat(100));
  const found = cloudInitState(status({ 'modules-final': { ...ENDED, errors } }));
  expect(JSON.stringify(found).length).toBeLessThan(1_100);
});
