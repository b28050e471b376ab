import { ok, Refusal } from '../answers.ts';
import { type Call, type Route, requirePathProvider } from '../call.ts';
import type { Fields } from '../fields.ts';
import type { Offering } from '../state.ts';
import { integerParam } from './auto-accept.ts';

export const offeringRoutes = [
  {
    name: 'create-offering',
    method: 'POST',
    path: '/providers/:pk/offerings',
    auth: 'provider',
    json: true,
    handle: create,
  },
  {
    name: 'update-offering',
    method: 'PUT',
    path: '/providers/:pk/offerings/:offering',
    auth: 'provider',
    json: true,
    handle: update,
  },
  {
    name: 'delete-offering',
    method: 'DELETE',
    path: '/providers/:pk/offerings/:offering',
    auth: 'provider',
    handle: remove,
  },
  {
    name: 'sli-reports',
    method: 'PUT',
    path: '/providers/:pk/offerings/:offering/sli-reports',
    auth: 'provider',
    json: true,
    handle: sliReports,
  },
] as const satisfies readonly Route[];

function create(call: Call) {
  const row = readOffering(call.body);
  const provider = requirePathProvider(call);
  check(call, row);
  const { state } = call.platform;
  for (const other of state.offerings.values()) {
    if (other.provider === provider && other.offering_id === row.offering_id) {
      throw new Refusal(`Offering '${row.offering_id}' already exists`);
    }
  }
  const id = state.nextId++;
  const numeric = row.template_name !== undefined && /^\d+$/.test(row.template_name);
  const config = row.provisioner_config ?? (numeric ? `{"template_vmid":${row.template_name}}` : undefined);
  state.offerings.set(id, { ...row, provisioner_config: config, id, provider });
  return ok(id);
}

function update(call: Call) {
  const row = readOffering(call.body);
  const before = offeringOf(call);
  check(call, row);
  // Running contracts see the new text at once: nothing of an offering is copied into a contract but its name.
  call.platform.state.offerings.set(before.id, { ...row, id: before.id, provider: before.provider });
  return ok(before.id);
}

function remove(call: Call) {
  return ok(call.platform.state.offerings.delete(offeringOf(call).id));
}

function offeringOf(call: Call): Offering {
  const provider = requirePathProvider(call);
  const row = call.platform.state.offerings.get(integerParam(call, 'offering'));
  if (!row || row.provider !== provider) throw new Refusal('Offering not found');
  return row;
}

function readOffering(body: Fields): Omit<Offering, 'id' | 'provider'> {
  for (const name of ['is_subscription', 'unmetered_bandwidth']) body.boolean(name);
  for (const name of ['billing_interval', 'billing_unit']) body.string(name);
  return {
    offering_id: body.string('offering_id'),
    offer_name: body.string('offer_name'),
    currency: body.string('currency'),
    monthly_price: body.number('monthly_price'),
    setup_fee: body.number('setup_fee'),
    visibility: body.string('visibility'),
    product_type: body.string('product_type'),
    stock_status: body.string('stock_status'),
    is_draft: body.boolean('is_draft'),
    datacenter_country: body.string('datacenter_country'),
    datacenter_city: body.string('datacenter_city'),
    processor_cores: body.optionalInteger('processor_cores'),
    memory_amount: body.optionalString('memory_amount'),
    total_ssd_capacity: body.optionalString('total_ssd_capacity'),
    provisioner_type: body.optionalString('provisioner_type'),
    provisioner_config: body.optionalString('provisioner_config'),
    template_name: body.optionalString('template_name'),
    agent_pool_id: body.optionalString('agent_pool_id'),
    post_provision_script: body.optionalString('post_provision_script'),
    min_contract_hours: body.optionalInteger('min_contract_hours'),
    max_contract_hours: body.optionalInteger('max_contract_hours'),
    operating_systems: body.optionalString('operating_systems'),
  };
}

function check(call: Call, row: Omit<Offering, 'id' | 'provider'>): void {
  if (row.offering_id.trim() === '') throw new Refusal('offering_id is required');
  if (!['public', 'shared', 'private'].includes(row.visibility)) {
    throw new Refusal(`Invalid visibility: ${row.visibility}`);
  }
  if (!/^[A-Z]{2}$/.test(row.datacenter_country))
    throw new Refusal('datacenter_country must be two upper-case letters');
  if (row.agent_pool_id !== undefined) {
    const pool = call.platform.state.pools.get(row.agent_pool_id);
    if (pool?.provider !== call.caller.key) throw new Refusal(`Pool '${row.agent_pool_id}' not found`);
  }
  checkRecipe(row.post_provision_script);
}

/** A missing shebang is only a warning on the server, so it passes. */
function checkRecipe(script: string | undefined): void {
  if (script === undefined) return;
  if (script.trim() === '') throw new Refusal('post_provision_script must not be blank');
  if (Buffer.byteLength(script) > 65_536) throw new Refusal('post_provision_script exceeds 65536 bytes');
  const denied = DENIED.find((pattern) => pattern.test(script));
  if (denied) throw new Refusal('post_provision_script contains a denied pattern');
}

const DENIED = [
  /rm\s+-rf\s+\/(?:\s|\*|$)/,
  /mkfs\./,
  /dd\s+if=\/dev\/zero\s+of=\/dev\//,
  /:\(\)\s*\{\s*:\|:&\s*\};:/,
  />\s*\/dev\/sda/,
];

function sliReports(call: Call) {
  const { body, now } = call;
  const target = body.number('slaTargetPercent');
  const reports = body.list('reports').map((report) => ({
    reportDate: report.string('reportDate'),
    uptimePercent: report.number('uptimePercent'),
    responseSliPercent: report.optionalNumber('responseSliPercent'),
    incidentCount: report.integer('incidentCount'),
    notes: report.optionalString('notes'),
  }));
  const { id } = offeringOf(call);
  if (target < 1 || target > 100) throw new Refusal('slaTargetPercent must be between 1 and 100');
  const today = new Date(now).toISOString().slice(0, 10);
  for (const { reportDate } of reports) {
    if (!/^\d{4}-\d\d-\d\d$/.test(reportDate) || reportDate > today) {
      throw new Refusal(`Invalid reportDate: ${reportDate}`);
    }
  }
  call.platform.state.sli.set(id, [...(call.platform.state.sli.get(id) ?? []), ...reports]);
  return ok(reports.length);
}
