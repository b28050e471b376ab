import { type Answer, failure, ok, plain, Refusal } from '../answers.ts';
import { type Call, contractOf, type Route, requirePathProvider } from '../call.ts';
import type { Platform } from '../options.ts';
import type { Contract } from '../state.ts';
import { addEvent } from '../transitions.ts';
import { contractView } from './contract-views.ts';
import { storePassword } from './reports.ts';
import { camelCased } from './work.ts';

/** What tenants ask of running machines: a new root password, another key. */
export const accessRoutes = [
  {
    name: 'password-resets',
    method: 'GET',
    path: '/providers/:pk/contracts/pending-password-reset',
    auth: 'either',
    handle: listResets,
  },
  {
    name: 'password-reset-events',
    method: 'GET',
    path: '/providers/:pk/password-reset-events',
    auth: 'either',
    stream: true,
    handle: openStream,
  },
  {
    name: 'password',
    method: 'PUT',
    path: '/provider/rental-requests/:cid/password',
    auth: 'either',
    json: true,
    handle: completeReset,
  },
  {
    name: 'key-rotations',
    method: 'GET',
    path: '/providers/:pk/contracts/pending-ssh-key-rotation',
    auth: 'agent',
    handle: listRotations,
  },
  {
    name: 'key-rotation',
    method: 'PUT',
    path: '/provider/rental-requests/:cid/ssh-key-rotation',
    auth: 'either',
    handle: completeRotation,
  },
] as const satisfies readonly Route[];

const LIST_ERROR =
  'Database error: error occurred while decoding column "contract_id": mismatched types; Rust type `alloc::string::String` is not compatible with SQL type `BYTEA`';

function listResets(call: Call) {
  const provider = requirePathProvider(call);
  const resets = pendingResets(call.platform, provider);
  if (resets.length > 0 && call.platform.quirks.passwordResetListFails) return failure(LIST_ERROR);
  return ok(resets.map(contractView));
}

function openStream(call: Call): Answer {
  const path = (call.params['pk'] ?? '').toLowerCase();
  if (path !== call.caller.provider) return plain(403, 'Forbidden: key does not match provider');
  const first = resetEvent(call.platform, path);
  return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: first ?? '' };
}

/** The event that tells a provider's present resets; undefined when the query fails, which ends the stream. */
export function resetEvent(platform: Platform, provider: string): string | undefined {
  const resets = pendingResets(platform, provider);
  if (resets.length > 0 && platform.quirks.passwordResetListFails) return undefined;
  const data = { count: resets.length, contract_ids: resets.map((contract) => contract.id) };
  return `event: password-reset-count\ndata: ${JSON.stringify(data)}\n\n`;
}

function pendingResets(platform: Platform, provider: string): Contract[] {
  const pending: Contract[] = [];
  for (const contract of platform.state.contracts.values()) {
    if (contract.resetRequestedAt !== undefined && contract.provider === provider && isUp(contract))
      pending.push(contract);
  }
  return pending.sort((a, b) => (a.resetRequestedAt ?? 0) - (b.resetRequestedAt ?? 0));
}

/** No pending request and no particular status are needed; the last password wins. */
function completeReset(call: Call) {
  const { platform, body, now, caller } = call;
  const password = body.string('newPassword');
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.provider) {
    throw new Refusal('Unauthorized: you are not the provider for this contract');
  }
  if (contract.details === undefined) {
    throw new Refusal(`No provisioning details found for contract ${contract.id}`);
  }
  storePassword(platform, contract, password, now);
  contract.resetRequestedAt = undefined;
  return ok('Password updated');
}

function listRotations(call: Call) {
  const provider = requirePathProvider(call);
  const { state, quirks } = call.platform;
  const pending = [...state.contracts.values()]
    .filter((contract) => contract.provider === provider && contract.rotationKey !== undefined && isUp(contract))
    .sort((a, b) => (a.rotationRequestedAt ?? 0) - (b.rotationRequestedAt ?? 0))
    .map((contract) => ({ contract_id: contract.id, requester_ssh_pubkey: contract.rotationKey }));
  return ok(quirks.snakeCaseLists ? pending : pending.map(camelCased));
}

/** Promotes whatever key is pending now, which need not be the one that was listed. */
function completeRotation(call: Call) {
  const { platform, now, caller } = call;
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.provider) {
    throw new Refusal('Unauthorized: you are not the provider for this contract');
  }
  if (contract.rotationKey === undefined) throw new Refusal('No pending SSH key rotation found');
  contract.sshKey = contract.rotationKey;
  contract.rotationKey = undefined;
  contract.rotationRequestedAt = undefined;
  addEvent(platform, contract, { type: 'ssh_key_rotation_complete', actor: 'provider', at: now });
  return ok('SSH key rotation completed');
}

function isUp(contract: Contract): boolean {
  return contract.status === 'provisioned' || contract.status === 'active';
}
