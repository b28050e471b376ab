import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tenantKey } from '../../../simulators/sandbox/ssh-login.ts';
import { type Ground, ground } from './ground.ts';
import { mayHaveClients, WHY_NO_CLIENTS } from './packages.ts';

const able = mayHaveClients();

describe.skipIf(!able)(`the provider’s own Python library${able ? '' : ` (${WHY_NO_CLIENTS})`}`, () => {
  let place: Ground;
  beforeAll(async () => {
    place = await ground();
  }, 600_000);
  afterAll(() => place?.close());

  test('takes a server through its whole life', async () => {
    const life = join(import.meta.dirname, 'life.py');
    const { code, stdout, stderr } = await place.run(place.clients.python, [life, tenantKey().public]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      'found by fingerprint': true,
      'next actions': ['start_server'],
      'root password': null,
      running: 'running',
      image: 'debian-13',
      'same name again': 'uniqueness_error',
      off: 'off',
      'new password': 20,
      snapshots: ['kept'],
      'by label': ['one'],
      'system images': true,
      'ipv6 only': [null, true],
      'told password': 20,
      left: [],
      gone: 'not_found',
    });
  });
});
