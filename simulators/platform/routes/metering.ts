import { ns, ok, Refusal } from '../answers.ts';
import { type Call, contractId, contractOf, type Route, requirePathProvider } from '../call.ts';
import type { BandwidthRow } from '../state.ts';
import { requireParty } from './contract-views.ts';

export const meteringRoutes = [
  { name: 'bandwidth', method: 'GET', path: '/providers/:pk/bandwidth', auth: 'provider', handle: latestBandwidth },
  {
    name: 'contract-bandwidth',
    method: 'GET',
    path: '/providers/:pk/contracts/:cid/bandwidth',
    auth: 'provider',
    handle: bandwidthRows,
  },
  { name: 'report-usage', method: 'POST', path: '/contracts/:cid/usage', auth: 'provider', json: true, handle: report },
  { name: 'usage', method: 'GET', path: '/contracts/:cid/usage', auth: 'provider', handle: usageRows },
] as const satisfies readonly Route[];

/** The latest row per contract: the server never computes differences. Rows stored under another spelling of the key are not found. */
function latestBandwidth(call: Call) {
  const provider = requirePathProvider(call);
  const latest = new Map<string, BandwidthRow>();
  for (const row of call.platform.state.bandwidth) if (row.provider === provider) latest.set(row.contract, row);
  return ok(
    [...latest.values()].map((row) => ({
      contractId: row.contract,
      gatewaySlug: row.gatewaySlug,
      bytesIn: row.bytesIn,
      bytesOut: row.bytesOut,
      lastUpdatedNs: ns(row.recordedAt),
    })),
  );
}

function bandwidthRows(call: Call) {
  requirePathProvider(call);
  const id = contractId(call);
  const rows = call.platform.state.bandwidth.filter((row) => row.contract === id).slice(-100);
  return ok(
    rows.reverse().map((row) => ({ bytesIn: row.bytesIn, bytesOut: row.bytesOut, recordedAtNs: ns(row.recordedAt) })),
  );
}

/** Stored, and never billed: nothing on the server makes the billing periods that would count it. */
function report(call: Call) {
  const { platform, body, now, caller } = call;
  const read = {
    eventType: body.string('eventType'),
    unitsDelta: body.optionalNumber('unitsDelta'),
    heartbeatAt: body.optionalInteger('heartbeatAt'),
    source: body.optionalString('source'),
    metadata: body.optionalString('metadata'),
  };
  const contract = contractOf(call, () => 'Contract not found');
  if (contract.provider !== caller.key) throw new Refusal('Unauthorized: only provider can report usage');
  const id = platform.state.nextId++;
  platform.state.usage.push({ ...read, id, contract: contract.id, createdAt: now });
  return ok(id);
}

function usageRows(call: Call) {
  const { id } = requireParty(call);
  return ok(call.platform.state.usage.filter((row) => row.contract === id));
}
