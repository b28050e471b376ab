import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createSigner, nanoseconds, signedHeaders } from '../../src/identity/sign.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { Secret } from '../../src/ports/secret.ts';
import { type Bench, type Findings, median, type Scope } from './figure.ts';

export const signing: Bench = {
  name: 'signing',
  about: 'What the signature of one request costs, and its share of a cycle.',
  run: measure,
};

/** In 30 s with default intervals: ten polls, one reconcile, half a heartbeat, and health reports at their fastest. */
const CALLS_A_CYCLE = 10 + 1 + 0.5 + 15;
const CYCLE_MS = 30_000;

async function measure(scope: Scope): Promise<Findings> {
  const rounds = scope.quick ? 300 : 2_000;
  const seed = Buffer.from(systemRandom.bytes(32)).toString('hex');
  const signer = createSigner(new Secret(seed));
  const path = `/api/v1/providers/${'a'.repeat(64)}/contracts/pending-provision`;
  const { privateKey } = generateKeyPairSync('ed25519');
  const message = Buffer.from(`${path}${'0'.repeat(60)}`);
  const ours: number[] = [];
  const native: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(
      timed(() =>
        signedHeaders(signer, { timestamp: nanoseconds(Date.now()), nonce: systemRandom.uuid(), method: 'GET', path }),
      ),
    );
    // The same amount of work in the runtime's own library, which has no Ed25519ph and so cannot be used.
    native.push(timed(() => sign(null, createHash('sha512').update(message).digest(), privateKey)));
  }
  const each = median(ours.slice(rounds / 10));
  return {
    figures: [
      {
        what: 'headers of one request, median',
        value: each * 1000,
        unit: 'us',
        against: { what: 'plain Ed25519 of node:crypto', value: median(native.slice(rounds / 10)) * 1000 },
      },
      {
        what: 'signing, share of one core over a cycle of 30 s',
        value: ((each * CALLS_A_CYCLE) / CYCLE_MS) * 100,
        unit: '%',
        against: { what: 'one core', value: 100 },
        promise: { of: 'value', atMost: 0.5 },
      },
    ],
    notes: [`signing: a cycle of 30 s has at most ${CALLS_A_CYCLE} signed calls: polls, reconcile, heartbeat, health.`],
  };
}

function timed(work: () => unknown): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}
