import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../ports/secret.ts';
import { isSecretKey, redact, redacted, redactText } from './redact.ts';
import { createKnownSecrets, HIDDEN } from './secrets.ts';

describe('a field goes by its name', () => {
  test.each([
    'root_password',
    'newPassword',
    'Authorization',
    'agent_secret_key',
    'api-token',
    'private.key',
    'cookie',
    'X-Signature',
    'credentials',
  ])('%s', (name) => {
    expect(isSecretKey(name)).toBe(true);
    expect(redact({ [name]: 'anything', nested: [{ [name]: { deep: 1 } }] })).toEqual({
      [name]: HIDDEN,
      nested: [{ [name]: HIDDEN }],
    });
  });

  test.each(['contract', 'sshKey', 'publicKey', 'externalId', 'path', 'keys'])('%s stays', (name) => {
    expect(redact({ [name]: 'value' })).toEqual({ [name]: 'value' });
  });

  test('what tells nothing stays: booleans and absences', () => {
    expect(redact({ password: null, hasPassword: true })).toEqual({ password: null, hasPassword: true });
  });
});

describe('a text goes by its look', () => {
  test.each([
    ['Authorization: Bearer abc.def-ghi', 'abc.def'],
    ['PVEAPIToken=root@pam!dc=11111111-2222', '11111111'],
    ['https://root:hunter22@pve.example/api2', 'hunter22'],
    ['token apt_europe_0123456789abcdef used', '0123456789abcdef'],
    ['{"root_password":"with \\" a quote", "x": 1}', 'a quote'],
    ["password = 'single quoted'", 'single quoted'],
    ['said {\\"password\\":\\"escaped once more\\"}', 'escaped'],
    ['api_key: bareword, next', 'bareword'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n-----END OPENSSH PRIVATE KEY-----', 'b3BlbnNzaA'],
    ['-----BEGIN PRIVATE KEY-----\ncut off he', 'cut off'],
  ])('%s', (text, secret) => {
    expect(redactText(text)).not.toContain(secret);
    expect(redactText(text)).toContain(HIDDEN);
  });

  test('ordinary words are left alone', () => {
    const text = 'the machine 101 of contract 3fa9 was made in 2.4 s; see https://example.org/a?b=c';
    expect(redactText(text)).toBe(text);
  });

  test('a sentence about a field is no field', () => {
    const text = 'api.agent_secret_key: is missing; expected a text';
    expect(redactText(text)).toBe(text);
    expect(redactText('secret_key: isabella missing')).not.toContain('isabella');
  });

  test('a flood is cut', () => {
    expect(redactText('x'.repeat(100_000)).length).toBeLessThan(9000);
  });
});

describe('a known value goes wherever it is', () => {
  const anySecret = fc
    .string({ minLength: 6, maxLength: 40, unit: 'binary' })
    .filter((text) => text.trim().length >= 6);

  test('in clear, in JSON, in JSON in JSON, in a URL, in base64', () => {
    fc.assert(
      fc.property(anySecret, fc.string({ maxLength: 20 }), (secret, around) => {
        const secrets = createKnownSecrets();
        secrets.register(secret);
        const value = secret.trim();
        const json = JSON.stringify({ value });
        const spelt = [
          value,
          json,
          JSON.stringify({ json }),
          Buffer.from(value).toString('base64'),
          encodeURIComponent(value),
        ];
        for (const text of spelt) expect(secrets.hide(`${around}|${text}|${around}`)).toContain(HIDDEN);
        expect(secrets.hide(`<${value}>`)).toBe(`<${HIDDEN}>`);
      }),
    );
  });

  test('the oldest is forgotten when there are too many, the one in use is not', () => {
    const secrets = createKnownSecrets(2);
    for (const value of ['first-one', 'second-one', 'first-one', 'third-one']) secrets.register(value);
    expect(secrets.hide('first-one second-one third-one')).toBe(`${HIDDEN} second-one ${HIDDEN}`);
    secrets.forget('first-one');
    expect(secrets.hide('first-one')).toBe('first-one');
  });

  test('what is too short to be a secret does not shred ordinary text', () => {
    const secrets = createKnownSecrets();
    secrets.register('root');
    expect(secrets.hide('ssh root@host')).toBe('ssh root@host');
  });
});

describe('any value', () => {
  test('errors keep their kind, fields and causes; secrets in them go', () => {
    const cause = Object.assign(new Error('password=hunter22'), { code: 'EAUTH', token: 'abc123' });
    const clean = redact(new TypeError('outer', { cause }));
    expect(clean).toEqual({
      type: 'TypeError',
      message: 'outer',
      cause: { type: 'Error', code: 'EAUTH', token: HIDDEN, message: `password=${HIDDEN}` },
    });
  });

  test('stacks are kept only when asked for', () => {
    expect(redact(new Error('x'))).not.toHaveProperty('stack');
    expect(redact(new Error('x'), { stack: 'keep' })).toHaveProperty('stack', expect.stringContaining('redact.test'));
  });

  test('cycles, endless chains, throwing getters and odd values end in a plain copy', () => {
    const loop: Record<string, unknown> = {
      secret: new Secret('hunter22'),
      at: new Date(0),
      list: new Set([1]),
      map: new Map([['password', 'x']]),
      big: 1n,
      bytes: new Uint8Array(3),
    };
    loop['self'] = loop;
    Object.defineProperty(loop, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(redact(loop)).toEqual({
      secret: HIDDEN,
      at: '1970-01-01T00:00:00.000Z',
      list: [1],
      map: { password: HIDDEN },
      big: '1',
      bytes: '[3 bytes]',
      self: '[circular]',
      bad: '[unreadable]',
    });
    const chain = Array.from({ length: 50 }).reduce<Error>((cause) => new Error('link', { cause }), new Error('first'));
    expect(JSON.stringify(redact(chain)).length).toBeLessThan(1000);
  });

  test('never throws, and can always be written as JSON', () => {
    fc.assert(fc.property(fc.anything(), (value) => void JSON.stringify(redact(value))));
  });

  test('a hostile key stays an own property', () => {
    expect(Object.keys(redact(JSON.parse('{"__proto__": {"polluted": true}}')) as object)).toEqual(['__proto__']);
    expect({}).not.toHaveProperty('polluted');
  });

  test('a document keeps its lists whole', () => {
    const list = Array.from({ length: 500 }, (_, index) => `item ${index}`);
    expect(redacted({ list })).toEqual({ list });
    expect((redact({ list }) as { list: unknown[] }).list).toHaveLength(101);
  });
});
