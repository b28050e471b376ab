import { ns, ok, Refusal } from '../answers.ts';
import { type Call, contractOf, type Route, requirePathProvider } from '../call.ts';
import type { Contract } from '../state.ts';

export const contractViewRoutes = [
  {
    name: 'provider-contracts',
    method: 'GET',
    path: '/providers/:pk/contracts',
    auth: 'provider',
    handle: listContracts,
  },
  {
    name: 'contract',
    method: 'GET',
    path: '/contracts/:cid',
    auth: 'provider',
    handle: (call) => ok(contractView(requireParty(call))),
  },
  { name: 'credentials', method: 'GET', path: '/contracts/:cid/credentials', auth: 'provider', handle: credentials },
  { name: 'events', method: 'GET', path: '/contracts/:cid/events', auth: 'provider', handle: events },
  { name: 'extensions', method: 'GET', path: '/contracts/:cid/extensions', auth: 'provider', handle: extensions },
  {
    name: 'recipe-log',
    method: 'GET',
    path: '/contracts/:cid/recipe-log',
    auth: 'provider',
    // Only the server's own provisioning writes one; for agent-run contracts there never is any.
    handle: (call) => ok(requireParty(call) && null),
  },
] as const satisfies readonly Route[];

/** The contract in the path, for its tenant or its provider only. */
export function requireParty(call: Call): Contract {
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.tenant !== call.caller.key && contract.provider !== call.caller.key) {
    throw new Refusal('Unauthorized: you are not a party of this contract');
  }
  return contract;
}

/** The full object as the wire has it: snake_case, absent when null. Lock and pause columns are never shown. */
export function contractView(contract: Contract): object {
  return {
    contract_id: contract.id,
    requester_pubkey: contract.tenant,
    requester_ssh_pubkey: contract.sshKey,
    requester_contact: contract.contact,
    provider_pubkey: contract.provider,
    offering_id: contract.offeringSlug,
    offering_name: contract.offeringName,
    payment_amount_e9s: contract.amountE9s,
    request_memo: contract.memo,
    created_at_ns: ns(contract.createdAt),
    status: contract.status,
    payment_method: contract.paymentMethod,
    payment_status: contract.paymentStatus,
    currency: contract.currency,
    cancel_at_period_end: false,
    auto_renew: false,
    instance_config: contract.instanceConfig,
    start_timestamp_ns: ns(contract.startAt),
    end_timestamp_ns: ns(contract.endAt),
    duration_hours: contract.durationHours,
    original_duration_hours: contract.originalDurationHours,
    provisioning_instance_details: contract.details,
    provisioning_completed_at_ns: ns(contract.completedAt),
    refund_amount_e9s: contract.refundE9s,
    status_updated_at_ns: ns(contract.statusUpdatedAt),
    ...contract.lifted,
    password_reset_requested_at_ns: ns(contract.resetRequestedAt),
    ssh_key_rotation_requested_at_ns: ns(contract.rotationRequestedAt),
    operating_system: contract.operatingSystem,
  };
}

function listContracts(call: Call) {
  const provider = requirePathProvider(call);
  const own = [...call.platform.state.contracts.values()].filter((contract) => contract.provider === provider);
  return ok(own.reverse().map(contractView));
}

/** The envelope's JSON text, for the tenant alone and for seven days. */
function credentials(call: Call) {
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.tenant !== call.caller.key) throw new Refusal('Unauthorized: only the tenant can read credentials');
  const { envelope, envelopeExpiresAt } = contract;
  if (envelope === undefined || envelopeExpiresAt === undefined || envelopeExpiresAt <= call.now) {
    throw new Refusal('No credentials available (expired or not set)');
  }
  return ok(envelope);
}

function events(call: Call) {
  const { id } = requireParty(call);
  const rows = call.platform.state.events.filter((event) => event.contract === id);
  return ok(
    rows.map((event) => ({
      id: event.id,
      contractId: id,
      eventType: event.type,
      oldStatus: event.from,
      newStatus: event.to,
      actor: event.actor,
      details: event.details,
      createdAt: ns(event.at),
    })),
  );
}

function extensions(call: Call) {
  const { id } = requireParty(call);
  const rows = call.platform.state.extensions.filter((extension) => extension.contract === id);
  return ok(
    rows.map((row) => ({
      id: row.id,
      contractId: id,
      extensionHours: row.hours,
      previousEndTimestampNs: ns(row.previousEndAt),
      newEndTimestampNs: ns(row.newEndAt),
      createdAtNs: ns(row.at),
    })),
  );
}
