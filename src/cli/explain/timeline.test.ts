import picocolors from 'picocolors';
import { describe, expect, test } from 'vitest';
import type { ContractEvent } from '../../lifecycle/index.ts';
import type { ExternalId, OperationId, TargetName } from '../../ports/ids.ts';
import { renderStory, type Story } from './render.ts';
import { tell } from './timeline.ts';

const instance = { externalId: '101' as ExternalId, ssh: { host: '192.0.2.7', port: 2222, user: 'root' } };
const told: readonly (readonly [ContractEvent, string, string | undefined])[] = [
  [
    {
      type: 'admitted',
      target: 'lab' as TargetName,
      operation: 'op' as OperationId,
      order: { offering: 'small', sshKey: 'ssh-ed25519 AAAA', cpuCores: 2, memoryMb: 512, settings: {} },
      deadlineAt: 1,
    },
    'taken for target lab',
    'small, 2 cores, 512 MiB',
  ],
  [{ type: 'intent', step: 'create', attempt: 1 }, 'create begun', 'makes the machine'],
  [{ type: 'intent', step: 'create', attempt: 3 }, 'create begun', 'attempt 3: makes the machine'],
  [{ type: 'done', step: 'create', instance }, 'create done', '101, ssh root@192.0.2.7:2222'],
  [{ type: 'done', step: 'release', note: 'it was not held any more' }, 'release done', 'it was not held any more'],
  [
    { type: 'failed', step: 'create', kind: 'throttled', text: 'slow down', retryAfterMs: 5000, nothingHappened: true },
    'create failed: slow down',
    'throttled, nothing was changed, asked to wait 5 s',
  ],
  [{ type: 'handle', key: 'vmid', value: '101' }, 'noted vmid', '101'],
  [
    { type: 'goal', goal: 'remove', reason: 'cancelled', why: 'the platform says so' },
    'goal: remove',
    'cancelled: the platform says so',
  ],
  [{ type: 'unannounced', why: 'it has forgotten' }, 'to be announced again', 'it has forgotten'],
  [{ type: 'ends', endsAt: 0 }, 'paid until 1970-01-01T00:00:00.000Z', undefined],
  [{ type: 'instance', instance }, 'machine seen with new details', '101, ssh root@192.0.2.7:2222'],
  [{ type: 'reappeared' }, 'the machine turned up again', undefined],
  [{ type: 'closed', why: 'removed' }, 'closed', 'removed'],
];

test.each(told.map(([event, text, detail]) => [event.type, event, text, detail] as const))(
  '%s is told in words',
  (_type, event, text, detail) => {
    const words = tell(event);
    expect({ text: words.text, detail: words.detail }).toEqual({ text, detail });
  },
);

describe('a story', () => {
  const story: Story = {
    contract: 'c'.repeat(64),
    target: 'lab',
    phase: 'making',
    why: 'taken from the work list',
    next: 'waits 5.0 s: create is tried again',
    entries: [
      { at: 0, type: 'intent', step: 'create', text: 'create begun' },
      { at: 2500, type: 'failed', step: 'create', text: 'create failed: two\nlines\u001b[2J', level: 'bad' },
    ],
  };

  test('shows for each line the time since the one before', () => {
    const lines = renderStory(story, picocolors.createColors(false)).split('\n');
    expect(lines.slice(0, 5)).toEqual([
      `contract  ${'c'.repeat(64)}`,
      'target    lab',
      'phase     making (taken from the work list)',
      'next      waits 5.0 s: create is tried again',
      '',
    ]);
    expect(lines[6]).toContain('+2.5 s  create failed');
  });

  test('is one line per entry, whatever a backend wrote', () => {
    const lines = renderStory(story, picocolors.createColors(false)).split('\n');
    expect(lines).toHaveLength(7);
    expect(lines.join('')).not.toContain('\u001b');
  });

  test('of a contract without a record still says what is the matter', () => {
    expect(renderStory({ ...story, entries: [] }, picocolors.createColors(false))).toContain('No steps are recorded.');
  });
});
