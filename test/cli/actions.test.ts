import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type LocalApi, startLocalApi } from '../../src/telemetry/local-api.ts';
import type { AgentStatusDocument } from '../../src/telemetry/status.ts';
import { type Ground, prepareGround } from './ground.ts';

/** The commands that ask something of a running agent, against its real door with an agent behind it that plays along. */
describe('asking the running agent', () => {
  const held = [`ab${'0'.repeat(62)}`, `ab${'1'.repeat(62)}`, `cd${'0'.repeat(62)}`];
  let ground: Ground;
  let api: LocalApi;
  let document: AgentStatusDocument;
  const approved: (readonly string[])[] = [];

  beforeEach(async () => {
    ground = await prepareGround();
    approved.length = 0;
    document = {
      version: '1.2.3',
      pid: process.pid,
      startedAt: 1000,
      agent: ground.agent,
      endpoint: ground.platform.url,
      stateDir: join(ground.home, 'state'),
      phase: 'running',
      platform: { state: 'ok' },
      targets: [{ name: 'sandbox', type: 'sandbox', state: 'ok', machines: 0, busy: 2, limit: 4 }],
      contracts: [],
      declined: [],
      breaker: { state: 'open', held },
      findings: [],
    };
    await mkdir(document.stateDir, { mode: 0o700 });
    api = await startLocalApi({
      socketPath: join(document.stateDir, 'agent.sock'),
      status: () => document,
      subscribe: () => () => {},
      actions: {
        approve: async (contracts) => {
          approved.push(contracts);
          return { ok: true, text: `approved ${contracts.length}` };
        },
        resetPassword: async (contract, sealFor) => ({
          ok: contract.startsWith('a'),
          text: `asked for ${contract.slice(0, 4)}${sealFor === undefined ? '' : `, sealed for ${sealFor.slice(0, 4)}`}`,
        }),
        drain: async () => {
          document = { ...document, phase: 'draining' };
          return { ok: true, text: 'draining' };
        },
        resume: async () => ({ ok: false, text: 'it is stopping' }),
      },
    });
  });
  afterEach(async () => {
    await api.close();
    await ground.close();
  });

  test('for a new password, sealed for a key or not, and never for half a key', async () => {
    document = {
      ...document,
      contracts: held.slice(0, 1).map((contract) => ({ contract, target: 't', phase: 'keep', since: 0, owed: 0 })),
    };
    expect((await ground.dc(['reset-password', 'ab'])).out).toBe('asked for ab00');
    const sealed = await ground.dc(['reset-password', 'ab', '--seal-for', 'CD'.repeat(32)]);
    expect(sealed.out).toBe('asked for ab00, sealed for cdcd');
    expect((await ground.dc(['reset-password', 'ab', '--seal-for', 'cd'])).code).toBe(EXIT.usage);
  });

  test('approve --all approves what was held back when it was asked, by name', async () => {
    expect(await ground.dc(['approve', '--all'])).toMatchObject({ code: EXIT.ok, out: 'approved 3' });
    expect(approved).toEqual([held]);
  });

  test('approve takes the beginning of an id', async () => {
    expect((await ground.dc(['approve', 'cd', 'AB1'])).code).toBe(EXIT.ok);
    expect(approved).toEqual([[held[2], held[1]]]);
  });

  test.each([
    ['ab', EXIT.usage, '2 contracts begin with ab'],
    ['ef', EXIT.failed, 'no contract ef'],
    ['xyz', EXIT.usage, 'hexadecimal'],
  ])('approve %s approves nothing', async (prefix, code, message) => {
    const run = await ground.dc(['approve', 'cd', prefix]);
    expect(run.code).toBe(code);
    expect(run.err).toContain(message);
    expect(approved).toEqual([]);
  });

  test('status names what is held back', async () => {
    expect((await ground.dc(['status'])).out).toContain(held[0]);
  });

  test('drain --wait says what it waits for, and returns when the agent is quiet', async () => {
    const { code, out, err } = await ground.dc(['drain', '--wait'], {
      err: () => {
        document = { ...document, phase: 'drained' };
      },
    });
    expect({ code, out, err }).toEqual({ code: EXIT.ok, out: 'draining\nDrained: nothing is under way.', err: '' });
  });

  test('drain --wait that is interrupted says that the draining goes on', async () => {
    const controller = new AbortController();
    const said: string[] = [];
    const { code } = await ground.dc(['drain', '--wait'], {
      signal: controller.signal,
      err: (line) => {
        said.push(line);
        controller.abort(new Error('interrupted'));
      },
    });
    expect(code).toBe(EXIT.failed);
    expect(said[0]).toBe('waiting: 2 steps under way');
    expect(said.join('\n')).toContain('the agent goes on draining');
  });

  test('what the agent refuses is a failure in its own words', async () => {
    const { code, err } = await ground.dc(['resume']);
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('error: it is stopping');
  });
});
