import { describe, expect, test } from 'vitest';
import { createLog, type LogLevel } from './log.ts';
import { prettySink } from './pretty.ts';
import { createKnownSecrets, HIDDEN } from './secrets.ts';

function capture(level: LogLevel = 'info') {
  const secrets = createKnownSecrets();
  const written: string[] = [];
  const log = createLog({ level, secrets, destination: { write: (line) => void written.push(line) } });
  return { log, secrets, written, lines: () => written.map((line) => JSON.parse(line)) };
}

describe('the log', () => {
  test('is one JSON object per line: level, time, fields, message', () => {
    const { log, written, lines } = capture();
    log.info({ step: 'create', attempt: 1 }, 'step done');
    expect(written[0]?.endsWith('}\n')).toBe(true);
    expect(lines()).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), step: 'create', attempt: 1, msg: 'step done' },
    ]);
  });

  test('a child carries its fields on every line', () => {
    const { log, lines } = capture();
    log.child({ contract: 'c1' }).child({ target: 't1' }).warn({}, 'step failed');
    expect(lines()).toEqual([expect.objectContaining({ level: 'warn', contract: 'c1', target: 't1' })]);
  });

  test('says nothing below its level', () => {
    const { log, lines } = capture('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    expect(lines().map((line) => line.msg)).toEqual(['c']);
  });

  test('errors are written with their causes, the stack only for whoever repairs the agent', () => {
    const { log, lines } = capture('debug');
    const error = new Error('outer', { cause: new Error('inner') });
    log.warn({ error }, 'w');
    log.error({ error }, 'e');
    const [warning, failure] = lines();
    expect(warning.error).toEqual({ type: 'Error', message: 'outer', cause: { type: 'Error', message: 'inner' } });
    expect(failure.error.stack).toContain('log.test');
  });

  test('an error in the place of the fields is not lost', () => {
    const { log, lines } = capture();
    log.error(new Error('whole'), 'm');
    expect(lines()[0].error).toMatchObject({ message: 'whole' });
  });

  test('secrets go by name, by look and because they are known: from fields, bindings and messages', () => {
    const { log, secrets, written } = capture();
    secrets.register('known-value-1');
    log
      .child({ note: 'has known-value-1', password: 'by-name' })
      .info({ said: 'token=by-look', body: { apiToken: 'nested-name' } }, 'with known-value-1');
    const text = written.join('');
    for (const secret of ['known-value-1', 'by-name', 'by-look', 'nested-name']) expect(text).not.toContain(secret);
    expect(text).toContain(HIDDEN);
  });

  test('what is hostile in a text stays inside its line', () => {
    const { log, written } = capture();
    log.info({ said: 'a\n{"level":"error"}\u001b[2J' }, 'm');
    expect(written).toHaveLength(1);
    expect(written[0]?.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('on a terminal', () => {
  test('a line is for people: time, level, contract in short, message, then the fields', () => {
    const shown: string[] = [];
    const sink = prettySink({ write: (text) => shown.push(text) }, 'off');
    const log = createLog({ level: 'info', destination: sink });
    log.child({ contract: 'e5c76e7f63d446fe7696248e', target: 'lab' }).info({ step: 'create' }, 'step done');
    expect(shown.join('')).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: e5c76e7f63d4 step done \{"target":"lab","step":"create"\}\n$/,
    );
  });

  test('colours come and go with the terminal', () => {
    const coloured: string[] = [];
    createLog({ level: 'info', destination: prettySink({ write: (text) => coloured.push(text) }, 'on') }).info({}, 'm');
    expect(coloured.join('')).toContain('\u001b[');
  });
});
