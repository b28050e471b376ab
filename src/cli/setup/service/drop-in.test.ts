import { expect, test } from 'vitest';
import { type DropIn, renderDropIn } from './drop-in.ts';

const plain: DropIn = {
  program: { node: '/usr/bin/node', file: '/usr/local/bin/dc-agent' },
  config: '/etc/dc-agent/dc-agent.toml',
  credentials: [],
  groups: [],
};

test('says which Node runs which program with which configuration, in the place of the unit’s own command', () => {
  expect(renderDropIn(plain).split('\n').slice(2)).toEqual([
    '[Service]',
    'ExecStart=',
    'ExecStart=/usr/bin/node /usr/local/bin/dc-agent --config /etc/dc-agent/dc-agent.toml run',
    '',
  ]);
});

test('names credentials, groups, and a state directory of the operator’s', () => {
  const text = renderDropIn({
    ...plain,
    credentials: [{ name: 'agent.key', file: '/root/100% mine/agent.key' }],
    groups: ['docker'],
    stateDir: '/srv/dc agent',
  });
  expect(text.split('\n').slice(5)).toEqual([
    'LoadCredential=agent.key:/root/100%% mine/agent.key',
    'SupplementaryGroups=docker',
    'ReadWritePaths="/srv/dc agent"',
    '',
  ]);
});
