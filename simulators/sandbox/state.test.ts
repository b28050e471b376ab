import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';
import { keepState } from './state-file.ts';

describe('a snapshot', () => {
  test('is taken up by another sandbox, which goes on where the first one was', () => {
    const first = createCaller();
    const running = first.running();
    const { id = '' } = first.call('POST', '/machines', ORDER).json;
    first.clock.advance(100);

    const second = createCaller();
    second.clock.advance(first.clock.monotonic());
    second.core.restore(JSON.parse(JSON.stringify(first.core.snapshot())));
    expect(second.get(running.id)).toEqual(first.get(running.id));
    second.clock.advance(199);
    expect(second.get(id).state).toBe('creating');
    second.clock.advance(1);
    expect(second.get(id).state).toBe('stopped');
  });

  test('counts the time for which nobody ran it', () => {
    const first = createCaller();
    const { id: running, uptime_ms, ssh } = first.running();
    const { id: making = '' } = first.call('POST', '/machines', ORDER).json;
    const second = createCaller();
    second.clock.advance(first.clock.monotonic() + 60_000);
    second.core.restore(first.core.snapshot());
    expect(second.get(running).uptime_ms).toBe((uptime_ms ?? 0) + 60_000);
    expect(second.core.sshAt(ssh?.port ?? 0)?.ready).toBe(true);
    expect(second.get(making).state).toBe('stopped');
  });

  test('leads to no id or port being given out twice', () => {
    const first = createCaller();
    const old = first.machine();
    const second = createCaller();
    second.core.restore(first.core.snapshot());
    const fresh = second.machine();
    expect(fresh.id).not.toBe(old.id);
    expect(fresh.ssh?.port).not.toBe(old.ssh?.port);
  });
});

describe('a state file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dc-sandbox-state-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('holds every change before the change is answered, readable by the owner alone', () => {
    const path = join(directory, 'new', 'state.json');
    const { core, call } = createCaller();
    keepState(core, path);
    const { id } = call('POST', '/machines', ORDER).json;
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ format: 1, machines: [{ id, state: 'creating' }] });
    expect(statSync(path).mode & 0o077).toBe(0);

    const next = createCaller();
    keepState(next.core, path);
    expect([...next.core.machines.keys()]).toEqual([id]);
  });

  test('forgets a machine that was deleted', () => {
    const path = join(directory, 'state.json');
    const { core, call, clock, machine } = createCaller();
    keepState(core, path);
    call('DELETE', `/machines/${machine().id}`);
    clock.advance(1_000);
    expect(JSON.parse(readFileSync(path, 'utf8')).machines).toEqual([]);
  });

  test.each([
    ['torn', '{"format":1,"machines":[{'],
    ['of another format', '{"format":2,"savedAt":0,"machines":[]}'],
    ['something else', '[]'],
  ])('that is %s is refused and left as it is', (_what, text) => {
    const path = join(directory, 'state.json');
    writeFileSync(path, text);
    expect(() => keepState(createCaller().core, path)).toThrow('move it away to start empty');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
