import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { ledgerDirectory } from '../../src/cli/places.ts';
import { sealCredentials } from '../../src/identity/credentials.ts';
import { createSigner } from '../../src/identity/sign.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { admission, did, upTo } from '../../src/lifecycle/fixtures.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import { Secret } from '../../src/ports/secret.ts';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { type Ground, prepareGround } from './ground.ts';

const CONTRACT = `ab${'0'.repeat(62)}` as ContractId;
const PLAIN = `cd${'0'.repeat(62)}` as ContractId;
const SEED = '5a'.repeat(32);
const PASSWORD = 'Kq7ZbN2xWv4tR8mYc3Hs6PdL';

describe('a sealed password', () => {
  let ground: Ground;
  const file = (name: string): string => join(ground.home, name);

  beforeAll(async () => {
    ground = await prepareGround();
    const ledger = await openLedger({
      disk: systemDisk,
      directory: ledgerDirectory(join(ground.home, 'state')),
      clock: systemClock,
      log: silentLog,
    });
    const sealedFor = createSigner(new Secret(SEED)).publicKey;
    const envelope = sealCredentials(new Secret(PASSWORD), { publicKey: sealedFor, contract: CONTRACT });
    await ledger.append(CONTRACT, admission(), ...upTo('release'));
    await ledger.append(CONTRACT, ...did('reset', { sealedPassword: 'ours', credential: { envelope, sealedFor } }));
    await ledger.append(PLAIN, admission(), ...upTo('release'));
    await ledger.close();
    await writeFile(file('hex.key'), `${SEED}\n`, { mode: 0o600 });
    await writeFile(file('envelope.json'), envelope);
  });
  afterAll(() => ground.close());

  test('is shown as its envelope, and opened by its tenant', async () => {
    const { code, out } = await ground.dc(['credential', 'ab']);
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(out)).toMatchObject({ version: 2 });
    const opened = await ground.dc(['dev', 'open-credential', '-', '--key', file('hex.key'), '--contract', CONTRACT], {
      input: async () => `${out}\n`,
    });
    expect(opened).toMatchObject({ code: EXIT.ok, out: PASSWORD });
  });

  test('is opened with a PEM file, too', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await writeFile(file('private.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const hex = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    await writeFile(file('pem.json'), sealCredentials(new Secret(PASSWORD), { publicKey: hex, contract: CONTRACT }));
    const { out } = await ground.dc(['dev', 'open-credential', file('pem.json'), '--key', file('private.pem')]);
    expect(out).toBe(PASSWORD);
  });

  test('is refused for another contract, another key and another text, without a word of it', async () => {
    const open = (...more: string[]) => ground.dc(['dev', 'open-credential', file('envelope.json'), ...more]);
    await writeFile(file('other.key'), '5b'.repeat(32));
    await writeFile(file('no.key'), 'what');
    for (const [more, why] of [
      [['--key', file('hex.key'), '--contract', PLAIN], 'sealed for another contract'],
      [['--key', file('other.key')], 'cannot be opened with this key'],
      [['--key', file('no.key')], 'neither 64 hex digits nor PEM'],
      [['--key', file('missing.key')], 'cannot be read'],
    ] as const) {
      const { code, out, err } = await open(...more);
      expect(code).toBe(EXIT.failed);
      expect(out).toBe('');
      expect(err).toContain(why);
      expect(err).not.toContain(SEED);
    }
  });

  test('is not there where the platform seals, and the way to one is told', async () => {
    const { code, err } = await ground.dc(['credential', 'cd']);
    expect(code).toBe(EXIT.failed);
    expect(err).toContain('no sealed password');
    expect(err).toContain('--seal-for PUBKEY');
  });

  test('is nowhere in the story of its contract', async () => {
    const { out } = await ground.dc(['explain', 'ab', '--json']);
    expect(out).not.toContain(PASSWORD);
    expect(out).not.toContain('ephemeral_pubkey');
  });
});
