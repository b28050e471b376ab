import type { GatewayConfig } from '../../config/types.ts';
import type { CaddySettings } from '../../gateway/caddy.ts';
import { openGateway } from '../../gateway/open.ts';
import { type Gateway, GatewayError, type Route } from '../../gateway/port.ts';
import { openRoutes } from '../../lifecycle/index.ts';
import { askAboutAccount } from '../../platform/acme-dns.ts';
import { createHttpTransport } from '../../platform/http-transport.ts';
import { systemClock } from '../../ports/clock.ts';
import { systemRandom } from '../../ports/random.ts';
import type { Finding } from '../../provisioner/contract.ts';
import { registerSecret } from '../../telemetry/secrets.ts';
import { readRecords } from '../records.ts';

/** What of this host stands in the way of routes; changes nothing. */
export async function checkGateway(
  settings: GatewayConfig,
  stateDir: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const gateway = openGateway(settings, { checkAccount });
  try {
    return [...(await gateway.check(signal)), ...(await provePorts(gateway, stateDir, signal))];
  } finally {
    await gateway.close();
  }
}

const checkAccount: NonNullable<CaddySettings['checkAccount']> = async (account, signal) => {
  registerSecret(account.password);
  const transport = createHttpTransport({ endpoint: account.serverUrl, name: 'acme-dns' });
  try {
    return await askAboutAccount(transport, systemClock, account, signal);
  } finally {
    await transport.close();
  }
};

/** Each is a connection and a signature; of many machines a part, another one each time, says how the gateway is. */
const PROVED_AT_ONCE = 16;

/** Whether what comes in at tenants' ports arrives at their machines. */
async function provePorts(gateway: Gateway, stateDir: string, signal: AbortSignal): Promise<Finding[]> {
  const records = [...((await readRecords(stateDir))?.records.values() ?? [])];
  const open = new Set(records.flatMap(({ contract, routeState }) => (routeState === 'open' ? contract : [])));
  const routes = openRoutes(records, () => false).routes.filter(({ contract }) => open.has(contract));
  if (routes.length === 0) return [];
  const chosen = some(routes, PROVED_AT_ONCE);
  const found = await Promise.all(chosen.map((route) => portFinding(gateway, route, signal)));
  const wrong = found.filter((one) => one !== undefined);
  const title = `What comes in at the ports of ${chosen.length - wrong.length} of ${routes.length} machines was seen to arrive at them.`;
  return [...wrong, ...(wrong.length === chosen.length ? [] : [{ level: 'pass', code: PROVED, title } as const])];
}

const PROVED = 'gateway.ports';

async function portFinding(gateway: Gateway, route: Route, signal: AbortSignal): Promise<Finding | undefined> {
  const what = `Contract ${route.contract.slice(0, 12)}:`;
  try {
    const proof = await gateway.prove(route, signal);
    if (proof.ok) return undefined;
    if (proof.stranger === true) {
      const remedy = 'Another translation on this host, or a machine with a wrong address: docs/gateway.md.';
      return { level: 'fail', code: PROVED, title: `${what} ${proof.why}.`, remedy };
    }
    // A tenant may have switched it off, or his SSH server.
    return { level: 'warn', code: PROVED, title: `${what} ${proof.why}.`, remedy: 'dc-agent status shows its power.' };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { level: 'warn', code: PROVED, title: `${what} not proved: ${error.message}.` };
  }
}

function some<Item>(items: readonly Item[], count: number): readonly Item[] {
  const start = Math.floor(systemRandom.float() * items.length);
  return [...items.slice(start), ...items.slice(0, start)].slice(0, count);
}
