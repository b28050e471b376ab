import { type Answer, json, ok, Refusal } from '../answers.ts';
import { agentOf, type Call, type Route, requirePermission } from '../call.ts';
import type { Platform } from '../options.ts';

export const gatewayRoutes = [
  {
    name: 'gateway-register',
    method: 'POST',
    path: '/agents/gateway/register',
    auth: 'agent',
    json: true,
    handle: register,
  },
  { name: 'dns', method: 'POST', path: '/agents/dns', auth: 'agent', json: true, handle: changeDns },
  { name: 'acme-dns', method: 'POST', path: '/acme-dns/update', auth: 'none', json: true, handle: updateTxt },
] as const satisfies readonly Route[];

/** A repeat by the same provider replaces the credentials: the old ones stop working at once. */
function register(call: Call) {
  const { platform, body } = call;
  const dcId = body.string('dcId');
  requirePermission(call, 'dns_manage');
  checkDcId(dcId);
  const { publicUrl } = platform.settings;
  if (publicUrl === undefined) throw new Refusal('API_PUBLIC_URL not set on server');
  const { provider } = agentOf(call);
  const before = platform.state.gateways.get(dcId);
  if (before && before.provider !== provider) {
    throw new Refusal(`dc_id '${dcId}' is already registered to a different provider`);
  }
  const username = platform.random.uuid();
  const password = Buffer.from(platform.random.bytes(24)).toString('base64url');
  platform.state.gateways.set(dcId, { dcId, provider, username, password });
  return ok({
    acmeDnsServerUrl: `${publicUrl}/api/v1/acme-dns`,
    acmeDnsUsername: username,
    acmeDnsPassword: password,
    acmeDnsSubdomain: username,
  });
}

/** A records only. Creating is not idempotent: the upstream refuses an identical record and adds a second one for another address. */
function changeDns(call: Call) {
  const { platform, body } = call;
  const [action, slug, dcId] = [body.string('action'), body.string('slug'), body.string('dcId')];
  const ip = body.optionalString('publicIp');
  requirePermission(call, 'dns_manage');
  const { state, settings } = platform;
  if (!settings.dns) throw new Refusal('DNS management not configured on server');
  if (!/^[a-z0-9]{6}$/.test(slug)) throw new Refusal('Invalid slug: must be 6 lowercase alphanumeric characters');
  checkDcId(dcId);
  if (state.gateways.get(dcId)?.provider !== agentOf(call).provider) {
    throw new Refusal(`dc_id '${dcId}' is not registered to this provider`);
  }
  const name = `${slug}.${dcId}.${settings.gatewayPrefix}.${settings.domain}`;
  if (action === 'create') {
    if (ip === undefined) throw new Refusal('public_ip is required for create action');
    if (state.dns.some((record) => record.name === name && record.ip === ip)) {
      throw new Refusal('Failed to create DNS record: An identical record already exists.');
    }
    state.dns.push({ name, ip });
  } else if (action === 'delete') {
    const at = state.dns.findIndex((record) => record.name === name);
    if (at >= 0) state.dns.splice(at, 1);
  } else {
    throw new Refusal(`Invalid action: ${action}. Must be 'create' or 'delete'`);
  }
  return ok({ subdomain: name });
}

function checkDcId(dcId: string): void {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])$/.test(dcId)) {
    throw new Refusal('Invalid dc_id: must be 2-20 lowercase letters, digits or hyphens, with no hyphen at the ends');
  }
}

/** The one route with credentials of its own and with real status codes. It keeps one TXT value, so two names in one order collide. */
function updateTxt(call: Call): Answer {
  const { platform, body, headers } = call;
  const [user, key] = [headers['x-api-user'], headers['x-api-key']];
  if (user === undefined || key === undefined) return error(401, 'missing credentials');
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(user)) return error(400, 'bad username');
  const account = findAccount(platform, user);
  if (!account || account.password !== key) return error(401, 'invalid credentials');
  const txt = body.optionalString('txt');
  if (txt === undefined) return error(400, 'no txt value');
  if (!platform.settings.dns) return error(500, 'DNS management not configured');
  const { gatewayPrefix, domain } = platform.settings;
  platform.state.txt.set(`_acme-challenge.${account.dcId}.${gatewayPrefix}.${domain}`, txt);
  return json(200, { txt });
}

function findAccount(platform: Platform, username: string) {
  for (const account of platform.state.gateways.values()) if (account.username === username) return account;
  return undefined;
}

function error(status: number, message: string): Answer {
  return json(status, { error: message });
}
