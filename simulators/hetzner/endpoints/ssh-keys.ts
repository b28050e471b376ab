import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HetznerRefusal, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { refuseAboveLimit, refuseTakenName } from '../cloud.ts';
import { labels } from '../labels.ts';
import { BY_NAME } from '../listing.ts';
import type { SshKey } from '../state.ts';
import { sshKeyView } from '../views.ts';
import { existing, reading } from './collection.ts';

export const sshKeyEndpoints: readonly Endpoint[] = [
  ...reading<SshKey>({
    path: '/ssh_keys',
    one: 'ssh_key',
    many: 'ssh_keys',
    sortBy: BY_NAME,
    rows: ({ project }) => project.sshKeys.values(),
    view: (_cloud, key) => sshKeyView(key),
    filter(query) {
      const fingerprint = query.get('fingerprint');
      return (key) => fingerprint === null || key.fingerprint === fingerprint;
    },
  }),
  { call: 'POST /ssh_keys', handle: create },
  { call: 'PUT /ssh_keys/{id}', handle: update },
  {
    call: 'DELETE /ssh_keys/{id}',
    handle({ cloud, id }) {
      existing(cloud.project.sshKeys, id, 'SSH key');
      cloud.project.sshKeys.delete(id);
      return { status: 204 };
    },
  },
];

const order = z.object({
  name: z.string().min(1).max(255),
  public_key: z
    .string()
    .trim()
    .regex(
      /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( .*)?$/,
      'is not a valid SSH key',
    ),
  labels: labels.nullish(),
});

/** Unique twice over: by name, and by what the key is. */
function create({ cloud, body }: Call): Reply {
  const given = body(order);
  const { sshKeys } = cloud.project;
  const fingerprint = fingerprintOf(given.public_key);
  for (const key of sshKeys.values()) {
    if (key.fingerprint !== fingerprint) continue;
    throw new HetznerRefusal('uniqueness_error', 'SSH key with the same fingerprint already exists', {
      fields: [{ name: 'public_key' }],
    });
  }
  refuseTakenName(sshKeys, given.name, 'SSH key');
  refuseAboveLimit(sshKeys.size, cloud.limits.sshKeys, 'SSH key', 'ssh_key_limit');
  const key: SshKey = {
    id: cloud.nextId('ssh_key'),
    name: given.name,
    fingerprint,
    publicKey: given.public_key,
    labels: given.labels ?? {},
    created: cloud.clock.now(),
  };
  sshKeys.set(key.id, key);
  return { status: 201, body: { ssh_key: sshKeyView(key) } };
}

const change = z.object({ name: z.string().min(1).nullish(), labels: labels.nullish() });

function update({ cloud, id, body }: Call): Reply {
  const key = existing(cloud.project.sshKeys, id, 'SSH key');
  const given = body(change);
  if (typeof given.name === 'string') {
    refuseTakenName(cloud.project.sshKeys, given.name, 'SSH key', key.id);
    key.name = given.name;
  }
  if (given.labels) key.labels = given.labels;
  return { status: 200, body: { ssh_key: sshKeyView(key) } };
}

/** MD5 of the key itself, in pairs of hex digits. */
function fingerprintOf(publicKey: string): string {
  const [, base64 = ''] = publicKey.split(' ');
  const digest = createHash('md5').update(Buffer.from(base64, 'base64')).digest('hex');
  return (digest.match(/../g) ?? []).join(':');
}
