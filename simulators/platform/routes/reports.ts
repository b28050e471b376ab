import { failure, ok, Refusal } from '../answers.ts';
import { type Call, contractId, contractOf, type Route, requirePathProvider } from '../call.ts';
import type { Platform } from '../options.ts';
import type { Contract, LiftedDetails } from '../state.ts';
import { addEvent, failProvisioning, move, parseStatus, STATUSES } from '../transitions.ts';
import { autoAcceptOn } from './auto-accept.ts';
import { refuseForeign } from './work.ts';

export const reportRoutes = [
  {
    name: 'provisioning',
    method: 'PUT',
    path: '/provider/rental-requests/:cid/provisioning',
    auth: 'either',
    json: true,
    handle: reportStatus,
  },
  {
    name: 'terminated',
    method: 'PUT',
    path: '/providers/:pk/contracts/:cid/terminated',
    auth: 'agent',
    handle: reportTerminated,
  },
] as const satisfies readonly Route[];

/** Neither checks nor clears the lock: the lock is advice among agents. */
function reportStatus(call: Call) {
  const { platform, body, now, caller } = call;
  const text = body.string('status');
  const details = body.optionalString('instanceDetails');
  const status = parseStatus(text);
  if (!status) {
    throw new Refusal(`Invalid contract status '${text}'. Valid statuses: ${STATUSES.join(', ')}`);
  }
  if (status === 'provisioningfailed') return reportFailed(call, details);
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.provider) {
    throw new Refusal('Unauthorized: only provider can update contract status');
  }
  // Literally: any other spelling moves the status and loses the details.
  const withDetails = text === 'provisioned';
  if (withDetails && (details === undefined || details.trim() === '')) {
    throw new Refusal('Instance details are required when marking a contract as provisioned');
  }
  const by = { actor: contract.provider, kind: 'provider', at: now } as const;
  move(platform, contract, status, by);
  if (status !== 'provisioned') return ok(`Contract status updated to ${status}`);
  if (withDetails && details !== undefined) {
    const problem = storeDetails(platform, contract, details, now);
    if (problem) return failure(`Status updated but failed to save details: ${problem}`);
  }
  if (autoAcceptOn(platform, contract.provider)) move(platform, contract, 'active', by);
  return ok('Contract marked as provisioned');
}

/** Final, and answered alike when it did nothing. */
function reportFailed(call: Call, reason: string | undefined) {
  const { platform, now, caller } = call;
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.provider && !platform.quirks.anyoneMayFail) {
    throw new Refusal('Unauthorized: only provider can update contract status');
  }
  failProvisioning(platform, contract, reason || 'Provisioning failed', now);
  return ok('Provisioning failed — contract closed and refund initiated');
}

/** Returns why the row could not be written; by then the status has already changed. */
function storeDetails(platform: Platform, contract: Contract, details: string, now: number): string | undefined {
  if (details.includes('\0')) return 'invalid byte sequence for encoding "UTF8": 0x00';
  const { lifted, password } = lift(details);
  if (lifted.gateway_slug !== undefined) {
    for (const other of platform.state.contracts.values()) {
      if (other !== contract && other.lifted.gateway_slug === lifted.gateway_slug) {
        return 'duplicate key value violates unique constraint on gateway_slug';
      }
    }
  }
  contract.details = details;
  contract.lifted = lifted;
  contract.completedAt = now;
  if (password !== undefined) {
    storePassword(platform, contract, password, now);
    if (!platform.quirks.keepsClearPassword) contract.details = withoutPassword(details);
  }
  addEvent(platform, contract, { type: 'provisioned', actor: 'system', at: now });
  return undefined;
}

export function storePassword(platform: Platform, contract: Contract, password: string, now: number): void {
  contract.envelope = platform.crypto.seal(contract.tenant, contract.id, password, platform.random);
  contract.envelopeExpiresAt = now + platform.settings.credentialsMs;
}

/** Keys that get columns of their own. One ill-typed key voids all of them, silently. */
function lift(details: string): { lifted: LiftedDetails; password?: string | undefined } {
  const nothing = { lifted: {} };
  const value = parseObject(details);
  if (!value) return nothing;
  const lifted: LiftedDetails = {};
  for (const name of ['gateway_slug', 'gateway_subdomain'] as const) {
    const text = value[name] ?? undefined;
    if (text === undefined) continue;
    if (typeof text !== 'string') return nothing;
    lifted[name] = text;
  }
  for (const name of ['gateway_ssh_port', 'gateway_port_range_start', 'gateway_port_range_end'] as const) {
    const port = value[name] ?? undefined;
    if (port === undefined) continue;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535) return nothing;
    lifted[name] = port;
  }
  const password = value['root_password'] ?? undefined;
  if (password !== undefined && typeof password !== 'string') return nothing;
  return { lifted, password };
}

function withoutPassword(details: string): string {
  const { root_password: _, ...rest } = parseObject(details) ?? {};
  return JSON.stringify(rest);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // Details need not be JSON: any text is stored as it is.
    return undefined;
  }
}

function reportTerminated(call: Call) {
  const { platform, now } = call;
  requirePathProvider(call, 'Agent is not delegated by this provider');
  const id = contractId(call);
  const contract = platform.state.contracts.get(id);
  if (contract) refuseForeign(platform, contract, call.caller.provider);
  if (!contract || !mayTerminate(platform, contract, now)) {
    throw new Refusal(`Contract not found or not in cancelled status (ID: ${id})`);
  }
  contract.terminatedAt = now;
  return ok(true);
}

function mayTerminate(platform: Platform, contract: Contract, now: number): boolean {
  if (contract.status === 'cancelled') return true;
  if (platform.quirks.terminatedOnlyCancelled) return false;
  return (
    (contract.endAt > 0 && contract.endAt < now) ||
    ['rejected', 'expired', 'provisioningfailed'].includes(contract.status)
  );
}
