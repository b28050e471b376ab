import { HttpError, ok, Refusal } from '../answers.ts';
import type { Call, Route } from '../call.ts';
import { type Fields, U32 } from '../fields.ts';
import type { Platform } from '../options.ts';
import type { AutoAcceptRule, Contract, Provider } from '../state.ts';

export const autoAcceptRoutes = [
  {
    name: 'get-auto-accept',
    method: 'GET',
    path: '/provider/settings/auto-accept',
    auth: 'provider',
    handle: ({ platform, caller }) => ok({ autoAcceptRentals: providerRow(platform, caller.key).autoAccept }),
  },
  {
    name: 'set-auto-accept',
    method: 'PUT',
    path: '/provider/settings/auto-accept',
    auth: 'provider',
    json: true,
    handle: setAutoAccept,
  },
  {
    name: 'list-rules',
    method: 'GET',
    path: '/provider/auto-accept-rules',
    auth: 'provider',
    handle: ({ platform, caller }) => ok(providerRow(platform, caller.key).rules),
  },
  {
    name: 'create-rule',
    method: 'POST',
    path: '/provider/auto-accept-rules',
    auth: 'provider',
    json: true,
    handle: createRule,
  },
  {
    name: 'update-rule',
    method: 'PUT',
    path: '/provider/auto-accept-rules/:rule',
    auth: 'provider',
    json: true,
    handle: updateRule,
  },
  {
    name: 'delete-rule',
    method: 'DELETE',
    path: '/provider/auto-accept-rules/:rule',
    auth: 'provider',
    handle: deleteRule,
  },
] as const satisfies readonly Route[];

/** On by default, also without a profile. Where rules exist for the offering, the duration must lie inside one of them. */
export function autoAccepts(platform: Platform, contract: Contract): boolean {
  if (!autoAcceptOn(platform, contract.provider)) return false;
  const all = platform.state.providers.get(contract.provider)?.rules ?? [];
  const rules = all.filter((rule) => rule.enabled && rule.offeringId === contract.offeringSlug);
  return rules.length === 0 || rules.some((rule) => admits(rule, contract.durationHours));
}

/** The switch alone: it also decides whether a provisioned contract becomes active by itself, whatever the rules say. */
export function autoAcceptOn(platform: Platform, provider: string): boolean {
  return platform.state.providers.get(provider)?.autoAccept ?? true;
}

function admits(rule: AutoAcceptRule, hours: number): boolean {
  return hours >= (rule.minDurationHours ?? 0) && hours <= (rule.maxDurationHours ?? Number.POSITIVE_INFINITY);
}

export function providerRow(platform: Platform, key: string): Provider {
  const { providers } = platform.state;
  let row = providers.get(key);
  if (!row) {
    row = { key, profile: false, autoAccept: true, rules: [] };
    providers.set(key, row);
  }
  return row;
}

function setAutoAccept({ platform, caller, body }: Call) {
  const value = body.boolean('autoAcceptRentals');
  const row = providerRow(platform, caller.key);
  if (!row.profile) throw new Refusal('Provider profile not found');
  row.autoAccept = value;
  return ok('Auto-accept setting updated');
}

function createRule({ platform, caller, body }: Call) {
  const rule = { id: platform.state.nextId++, offeringId: body.string('offeringId'), ...hours(body), enabled: true };
  providerRow(platform, caller.key).rules.push(rule);
  return ok(rule);
}

function updateRule(call: Call) {
  const { body } = call;
  const rule = ruleOf(call);
  Object.assign(rule, hours(body), { enabled: body.boolean('enabled') });
  return ok(rule);
}

function deleteRule(call: Call) {
  const rule = ruleOf(call);
  const row = providerRow(call.platform, call.caller.key);
  row.rules = row.rules.filter((other) => other !== rule);
  return ok(true);
}

function ruleOf(call: Call): AutoAcceptRule {
  const id = integerParam(call, 'rule');
  const rule = providerRow(call.platform, call.caller.key).rules.find((other) => other.id === id);
  if (!rule) throw new Refusal('Auto-accept rule not found');
  return rule;
}

export function integerParam(call: Call, name: string): number {
  const text = call.params[name] ?? '';
  if (!/^-?\d{1,15}$/.test(text)) throw new HttpError(400, `failed to parse path parameter "${name}": invalid digit`);
  return Number(text);
}

function hours(body: Fields) {
  return {
    minDurationHours: body.optionalInteger('minDurationHours', 0, U32),
    maxDurationHours: body.optionalInteger('maxDurationHours', 0, U32),
  };
}
