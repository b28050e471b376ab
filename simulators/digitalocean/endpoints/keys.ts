import { createHash } from 'node:crypto';
import { z } from 'zod';
import { notFound, unprocessable } from '../api.ts';
import type { Endpoint } from '../call.ts';
import { paged } from '../listing.ts';
import { keyView } from '../views.ts';

const newKey = z.object({ name: z.string().min(1), public_key: z.string().min(1) });

export const keys: readonly Endpoint[] = [
  {
    call: 'GET /account/keys',
    handle: (call) => paged(call, 'ssh_keys', [...call.cloud.account.keys.values()].map(keyView)),
  },
  {
    call: 'POST /account/keys',
    handle({ cloud, body }) {
      const { name, public_key } = body(newKey);
      const fingerprint = fingerprintOf(public_key);
      // A key is itself, whatever it is called; names may be the same.
      if ([...cloud.account.keys.values()].some((key) => key.fingerprint === fingerprint)) {
        throw unprocessable('SSH Key is already in use on your account');
      }
      const key = { id: cloud.nextId(), name, fingerprint, publicKey: public_key };
      cloud.account.keys.set(key.id, key);
      return { status: 201, body: { ssh_key: keyView(key) } };
    },
  },
  {
    call: 'GET /account/keys/{id}',
    handle({ cloud, id }) {
      const key = [...cloud.account.keys.values()].find((each) => String(each.id) === id || each.fingerprint === id);
      if (!key) throw notFound();
      return { status: 200, body: { ssh_key: keyView(key) } };
    },
  },
];

function fingerprintOf(publicKey: string): string {
  const blob = publicKey.split(' ')[1];
  if (blob === undefined || !/^[A-Za-z0-9+/]{16,}={0,2}$/.test(blob)) {
    throw unprocessable('Key invalid, key should be of the format `type key [comment]`');
  }
  return createHash('md5').update(Buffer.from(blob, 'base64')).digest('hex').match(/../g)?.join(':') ?? '';
}
