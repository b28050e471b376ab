import picocolors from 'picocolors';
import { describe, expect, test } from 'vitest';
import type { AgentStatusDocument, ContractStatus } from '../../telemetry/status.ts';
import type { OfflineStatus } from './offline.ts';
import { renderOffline, renderStatus } from './render.ts';

const plain = picocolors.createColors(false);
const NOW = 1_000_000;
const contract: ContractStatus = {
  contract: 'ab'.repeat(32),
  target: 'lab',
  phase: 'making',
  since: NOW - 5000,
  owed: 0,
};
const document: AgentStatusDocument = {
  version: '1.2.3',
  pid: 7,
  startedAt: NOW - 60_000,
  agent: 'a'.repeat(64),
  endpoint: 'https://example.org',
  stateDir: '/state',
  phase: 'running',
  platform: { state: 'ok', lastHeartbeatAt: NOW - 1000 },
  targets: [{ name: 'lab', type: 'docker', state: 'ok', machines: 3, busy: 1, limit: 4 }],
  contracts: [contract],
  declined: [],
  breaker: { state: 'closed', held: [] },
  findings: [],
};
const show = (change: Partial<AgentStatusDocument>): string => renderStatus({ ...document, ...change }, NOW, plain);

describe('status for people', () => {
  test('says who, where, and how long ago', () => {
    const text = show({});
    for (const words of [
      'running for 1 min',
      'version 1.2.3, process 7',
      'heartbeat 1.0 s ago, work list never',
      '1/4',
    ]) {
      expect(text).toContain(words);
    }
  });

  test.each<[string, Partial<ContractStatus>, string]>([
    ['what it does', { doing: 'create' }, 'create'],
    ['what it waits for', { waitingFor: 'the lock' }, 'the lock'],
    ['the last problem before either', { doing: 'create', problem: 'no room' }, 'no room'],
    ['where to log in', { ssh: { host: '192.0.2.7', port: 2222, user: 'root' } }, 'root@192.0.2.7:2222'],
    ['that it is simulated', { simulated: true }, 'making (simulated)'],
    ['how long it is paid for', { endsAt: NOW + 7_200_000 }, '2 h'],
    ['that its time is over', { endsAt: NOW - 1 }, 'over'],
    ['what the platform does not have yet', { owed: 2 }, '2'],
  ])('a contract shows %s', (_what, change, words) => {
    const line = show({ contracts: [{ ...contract, ...change }] })
      .split('\n')
      .find((text) => text.startsWith('abab'));
    expect(line).toContain(words);
  });

  test('what is held back comes with the command that lets it happen', () => {
    const held = Array.from({ length: 12 }, (_, index) => `held-${index}`);
    const text = show({ breaker: { state: 'open', held } });
    expect(text).toContain('12 stops or removals');
    expect(text).toContain('and 2 more');
    expect(text).toContain('dc-agent approve --all');
  });

  test('findings show their remedy; good news is left out', () => {
    const text = show({
      findings: [
        { level: 'fail', code: 'ledger.unwritable', title: 'No space.', remedy: 'Make room.' },
        { level: 'pass', code: 'fine', title: 'All is well.' },
      ],
    });
    expect(text).toContain('fail: No space. ledger.unwritable\n  Make room.');
    expect(text).not.toContain('All is well.');
  });

  test.each<[number, string]>([
    [5000, 'clock 5.0 s ahead'],
    [-5000, 'clock 5.0 s behind'],
  ])('a clock that is %d ms off is told', (clockSkewMs, words) => {
    expect(show({ platform: { state: 'ok', clockSkewMs } })).toContain(words);
  });

  test('what was left to others says why', () => {
    expect(show({ declined: [{ contract: 'cd'.repeat(32), reason: 'no room for 64 GiB' }] })).toMatch(
      /cdcdcdcdcdcd +no room for 64 GiB/,
    );
  });
});

test('without an agent the ledger speaks, damage first', () => {
  const offline: OfflineStatus = {
    running: false,
    stateDir: '/state',
    endpoint: 'https://example.org',
    contracts: [contract],
    quarantined: [{ contract: 'ef'.repeat(32), problem: 'a line is damaged' }],
    problems: ['snapshot is damaged'],
  };
  const text = renderOffline(offline, NOW, plain);
  expect(text.indexOf('snapshot is damaged')).toBeLessThan(text.indexOf('From the ledger'));
  for (const words of ['not running', 'efefefefefef: a line is damaged', 'abababababab', 'dc-agent run'])
    expect(text).toContain(words);
});
